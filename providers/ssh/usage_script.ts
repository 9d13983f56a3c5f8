/** What a host tells of one process and the container that it belongs to. */
export interface UsageReading {
  readonly cpuNanos: number;
  readonly usageBytes: number;
  readonly inactiveFileBytes: number;
  readonly rssBytes: number;
  readonly logBytes: number | undefined;
  /** The text of its `/proc/PID/net/dev`. */
  readonly network: string;
}

/**
 * Arguments, three for each: a container's ID, its process, its log. Reads the files of the cgroup
 * that has the ID in its name, or that the process is in, with nothing but the shell itself. Where
 * cgroups do not count memory (Raspberry Pi OS), or have not yet, it is that of the processes.
 */
export const usageScript = `
root=/sys/fs/cgroup
page=$(getconf PAGESIZE 2>/dev/null || echo 4096)
own() {
  case $1 in
  *"$id"*)
    rest=\${1#*"$id"}
    printf %s "\${1%%"$id"*}$id\${rest%%/*}" ;;
  *) printf %s "$1" ;;
  esac
}
while [ $# -ge 3 ]; do
  id=$1 pid=$2 log=$3
  shift 3
  [ -r "/proc/$pid/cgroup" ] || continue
  echo "=== $id"
  cpuacct= memory= unified=
  while IFS=: read -r _ names path; do
    case ,$names, in
    *,cpuacct,*) cpuacct=$root/cpuacct$(own "$path") ;;
    *,memory,*) memory=$root/memory$(own "$path") ;;
    ,,) unified=$root$(own "$path") ;;
    esac
  done <"/proc/$pid/cgroup"
  group=\${cpuacct:-$unified}
  usage=0
  if [ -r "$cpuacct/cpuacct.usage" ]; then
    read -r value <"$cpuacct/cpuacct.usage" && echo "cpuNanos $value"
  elif [ -r "$unified/cpu.stat" ]; then
    while read -r key value; do
      [ "$key" != usage_usec ] || echo "cpuMicros $value"
    done <"$unified/cpu.stat"
  fi
  if [ -r "$memory/memory.usage_in_bytes" ]; then
    read -r usage <"$memory/memory.usage_in_bytes"
    while read -r key value; do
      case $key in
      total_rss) echo "rss $value" ;;
      total_inactive_file) echo "inactive $value" ;;
      esac
    done <"$memory/memory.stat"
  elif [ -r "$unified/memory.current" ]; then
    read -r usage <"$unified/memory.current"
    while read -r key value; do
      case $key in
      anon) echo "rss $value" ;;
      inactive_file) echo "inactive $value" ;;
      esac
    done <"$unified/memory.stat"
  fi
  echo "usage $usage"
  if [ "$usage" = 0 ] && [ -r "$group/cgroup.procs" ]; then
    pages=0
    while read -r each; do
      [ -r "/proc/$each/statm" ] || continue
      read -r _ resident _ <"/proc/$each/statm" || continue
      pages=$((pages + resident))
    done <"$group/cgroup.procs"
    echo "resident $((pages * page))"
  fi
  if [ -n "$log" ] && [ -r "$log" ]; then echo "log $(stat -L -c %s "$log")"; fi
  echo network
  if [ -r "/proc/$pid/net/dev" ]; then
    while read -r line; do echo "$line"; done <"/proc/$pid/net/dev"
  fi
done 2>/dev/null
exit 0
`;

/** Reads a part of what the script printed; undefined for what had gone. */
export function parseUsageReading(text: string): UsageReading | undefined {
  const [counts = "", network = ""] = text.split(/^network$/m);
  const values = new Map(
    counts.split("\n").flatMap((line): [string, number][] => {
      const [, key = "", value] = /^(\w+) (\d+)$/.exec(line) ?? [];
      return value === undefined ? [] : [[key, Number(value)]];
    }),
  );
  const micros = values.get("cpuMicros");
  const cpuNanos = values.get("cpuNanos") ??
    (micros === undefined ? undefined : micros * 1_000);
  if (cpuNanos === undefined) return undefined;
  const resident = values.get("resident");
  return {
    cpuNanos,
    usageBytes: resident ?? values.get("usage") ?? 0,
    inactiveFileBytes: resident === undefined ? values.get("inactive") ?? 0 : 0,
    rssBytes: resident ?? values.get("rss") ?? 0,
    logBytes: values.get("log"),
    network,
  };
}
