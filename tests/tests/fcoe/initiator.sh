# Writes /data to the target's disk, and reads it back from there: O_DIRECT, so no cache of this machine can answer.
start_fcoe
echo "fab: searching"
until [ -e /dev/sda ]; do
    usleep 100000
    # It may have logged in before there was a LUN.
    for host in /sys/class/scsi_host/host*; do echo '- - -' >"$host/scan"; done
done
echo "fab: remote $(cat /sys/class/fc_remote_ports/*/port_name)"
echo "fab: sectors $(cat /sys/block/sda/size)"
dd if=/data of=/dev/sda bs=64k oflag=direct
echo "fab: wrote"
echo "fab: read $(dd if=/dev/sda bs=64k count="$((BYTES / 65536))" iflag=direct | sha256sum)"
sleep 100000
