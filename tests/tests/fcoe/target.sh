# The disk /dev/vda as LUN 0 for the initiator alone.
until_there /dev/vda
mount -t configfs none /sys/kernel/config
core=/sys/kernel/config/target/core/iblock_0/disk
mkdir -p "$core"
echo udev_path=/dev/vda >"$core/control"
echo 1 >"$core/enable"
group=/sys/kernel/config/target/fc/$TARGET/tpgt_1
mkdir -p "$group/lun/lun_0"
ln -s "$core" "$group/lun/lun_0/disk"
mkdir -p "$group/acls/$INITIATOR/lun_0"
ln -s "$group/lun/lun_0" "$group/acls/$INITIATOR/lun_0/lun"
start_fcoe
echo "fab: serving"
# Process 1 must not end.
sleep 100000
