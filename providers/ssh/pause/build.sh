#!/bin/sh
# Builds the program for every architecture into the directory $1, or only for the one in $2.
#
# Debian packages: gcc, gcc-aarch64-linux-gnu, gcc-arm-linux-gnueabi, gcc-riscv64-linux-gnu. Another
# version of the compiler gives other bytes, which are as good, but not those that are embedded.
set -eu
out=$1
only=${2-}
cd "$(dirname "$0")"

build() {
  arch=$1 compiler=$2
  shift 2
  [ -z "$only" ] || [ "$only" = "$arch" ] || return 0
  "$compiler" "$@" -std=c11 -Os -Wall -Wextra -Werror -ffreestanding -fno-builtin -fno-pic -fno-pie \
    -fno-stack-protector -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-ident \
    -fno-tree-loop-distribute-patterns -fomit-frame-pointer -ffunction-sections -fdata-sections \
    -nostdlib -static -no-pie -s -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,norelro -Wl,-z,noseparate-code -Wl,-z,noexecstack \
    -o "$out/pause-$arch" pause.c endpoint.c netlink.c relay.c connect.c
}

build amd64 x86_64-linux-gnu-gcc -march=x86-64
build arm64 aarch64-linux-gnu-gcc -march=armv8-a -mno-outline-atomics
build arm arm-linux-gnueabi-gcc -march=armv6 -marm -mfloat-abi=soft -mno-unaligned-access
build riscv64 riscv64-linux-gnu-gcc -march=rv64gc -mabi=lp64d -mno-relax
