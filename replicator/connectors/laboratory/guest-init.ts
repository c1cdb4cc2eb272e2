/**
 * The first and only program of the laboratory guest: a shell script for busybox. It mounts each disk's file system
 * and then, for ever, writes files and raw blocks, flushes, and prints a heartbeat.
 *
 * Its steps per heartbeat are fixed and it waits for the next one to be due, so the plan's rate is an upper bound:
 * software emulation on a busy host writes less, never more. What the file system adds (journal, inodes) comes on top.
 */
export const guestInit = String.raw`#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs none /dev
mount -t proc none /proc
fail() { echo "sealift-guest failed: $*"; sync; poweroff -f; }
for module in /modules/*.ko; do insmod "$module" || fail "cannot load $module"; done
. /plan

tries=0
for disk in $disks; do
  until [ -b "/dev/$disk" ]; do
    tries=$((tries + 1)); [ "$tries" -gt 500 ] && fail "no disk $disk"
    usleep 10000
  done
  mkdir -p "/mnt/$disk"
  mount -t ext4 "/dev/$disk" "/mnt/$disk" || fail "cannot mount $disk"
  mkdir -p "/mnt/$disk/work"
done

state=$seed
# Leaves a number from 0 up to but without $1 in $drawn. No subshell: a fork costs milliseconds in software emulation.
draw() { state=$(((state * 6364136223846793005 + 1442695040888963407))); drawn=$(((state >> 33 & 0x3fffffff) % $1)); }

# $1 file to write, $2 where in it, $3 what else dd needs. The content is a slice of noise that starts anywhere.
write() {
  draw $((noise_bytes - chunk)); from=$drawn
  dd if=/noise of="$1" bs="$chunk" count=1 skip="$from" seek="$2" \
    iflag=skip_bytes,fullblock oflag=seek_bytes $3 status=none || fail "cannot write $1"
}

raw_block() {
  draw $(((raw_length - chunk) / 512)); at=$((raw_start + drawn * 512))
  draw 8
  if [ "$drawn" = 0 ]; then
    dd if=/dev/zero of="/dev/$disk" bs="$chunk" count=1 seek="$at" oflag=seek_bytes conv=notrunc status=none || fail "cannot zero $disk"
  else
    write "/dev/$disk" "$at" conv=notrunc
  fi
}

file() {
  draw "$files"; name=$drawn
  write "/mnt/$disk/work/new" 0
  mv "/mnt/$disk/work/new" "/mnt/$disk/work/$name"
  draw "$files"
  [ $((drawn % 4)) = 0 ] && rm -f "/mnt/$disk/work/$drawn"
  echo "heartbeat $beat, file $name" >> "/mnt/$disk/work/log"
  [ $((beat % 1000)) = 0 ] && : > "/mnt/$disk/work/log"
}

# Leaves the time since boot in $now, in hundredths of a second. No fork. The 1 keeps "08" from being octal.
look_at_clock() { read -r now rest < /proc/uptime; now=$((${'$'}{now%.*} * 100 + 1${'$'}{now#*.} - 100)); }

beat=0
written=0
look_at_clock; due=$now
echo "sealift-guest ready"
while :; do
  for disk in $disks; do
    beat=$((beat + 1))
    step=0
    while [ "$step" -lt "$steps" ]; do
      raw_block
      file
      step=$((step + 1)); written=$((written + 2 * chunk))
    done
    sync
    echo "sealift-heartbeat $beat $written"
    # Late is late: what a slow host could not write is not caught up with, or the rate would be exceeded after.
    due=$((due + pause)); look_at_clock
    if [ "$due" -gt "$now" ]; then usleep $(((due - now) * 10000)); else due=$now; fi
  done
done
`;

/** Numbers the script works with. All lengths in bytes. */
export interface GuestPlan {
  readonly seed: number;
  readonly disks: readonly string[];
  /** The raw area of each disk. The file system is before it. */
  readonly rawStart: number;
  readonly rawLength: number;
  /** Length of each write. */
  readonly chunk: number;
  /** Per heartbeat, this many raw writes and as many files. */
  readonly steps: number;
  /** How many files are kept at most per disk. */
  readonly files: number;
  readonly noiseBytes: number;
  /** From one heartbeat to the next, in hundredths of a second: the resolution of the guest's clock. */
  readonly pause: number;
}

/** The plan as the script reads it. */
export const planFile = (plan: GuestPlan): string =>
  Object.entries({
    seed: plan.seed,
    disks: `'${plan.disks.join(' ')}'`,
    raw_start: plan.rawStart,
    raw_length: plan.rawLength,
    chunk: plan.chunk,
    steps: plan.steps,
    files: plan.files,
    noise_bytes: plan.noiseBytes,
    pause: plan.pause,
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
