# A VN_Port of its own on eth0: VN2VN (FC-BB-6) needs no Fibre Channel switch.
start_fcoe() {
    ip link set eth0 mtu "$MTU" up
    echo eth0 >/sys/bus/fcoe/ctlr_create
    echo VN2VN >/sys/bus/fcoe/devices/ctlr_0/mode
    echo 1 >/sys/bus/fcoe/devices/ctlr_0/enabled
}

until_there() {
    until [ -e "$1" ]; do usleep 20000; done
}
