#!/usr/bin/env bash
# kafka.sh - a real Apache Kafka (KRaft) on loopback, from Maven Central jars.
# Needs: bash, java >= 17, mvn (for `install` only), coreutils, ps.
#
#   kafka.sh install DIR                          fetch the jars into DIR/lib
#   kafka.sh start   DIR [--nodes 1|3] [--port P] [--controller-port C] [--side-port S --side-advertised A] [--set k=v]...
#   kafka.sh run     DIR [--node NODE] [FLAGS of start]   one node in the foreground: this process becomes the broker
#   kafka.sh stop    DIR                          graceful stop of every node
#   kafka.sh status  DIR                          exit 0 if every node answers, 3 if none runs, 4 if only some do
#   kafka.sh kill    DIR NODE                     kill -9 one node
#   kafka.sh pause   DIR NODE                     SIGSTOP one node (a hung broker)
#   kafka.sh resume  DIR NODE                     SIGCONT it
#   kafka.sh restart-node DIR NODE                (stop and) start one node, wait till it is back
#   kafka.sh wipe    DIR                          stop all, delete all data, keep the jars
#   kafka.sh bootstrap DIR                        print the bootstrap servers
#   kafka.sh tool    DIR NAME [ARGS...]           run a Kafka tool: topics, features, groups, ... or a class name
#
# Ports: brokers listen on P .. P+N-1, controllers on C .. C+N-1 (default C = P+N), all on 127.0.0.1.
# With --side-port they also listen on S .. S+N-1, and send whoever comes there to A .. A+N-1: to a proxy before S.
# Nodes are numbered from 1. `start` on an existing DIR needs no flags: it goes on with what DIR was formatted for.
# --set is kept for later starts, until the next --set or wipe. min.insync.replicas is fixed when DIR is formatted
# (the ELR feature makes it a cluster setting): set it in the first start, or later with `tool DIR configs`.
# Environment: KAFKA_VERSION (4.3.1), KAFKA_HEAP_OPTS (-Xms256m -Xmx768m), KAFKA_JVM_OPTS,
#              KAFKA_START_TIMEOUT (90 s), KAFKA_STOP_TIMEOUT (30 s), JAVA_HOME, MVN (mvn)
set -euo pipefail

KAFKA_VERSION=${KAFKA_VERSION:-4.3.1}
LOG4J_VERSION=${LOG4J_VERSION:-2.25.4}
KAFKA_HEAP_OPTS=${KAFKA_HEAP_OPTS:--Xms256m -Xmx768m}
KAFKA_JVM_OPTS=${KAFKA_JVM_OPTS:--XX:+UseSerialGC -XX:TieredStopAtLevel=4 -Xshare:auto}
START_TIMEOUT=${KAFKA_START_TIMEOUT:-90}
STOP_TIMEOUT=${KAFKA_STOP_TIMEOUT:-30}
HOST=127.0.0.1
SELF=${0##*/}

die()  { echo "$SELF: $*" >&2; exit 1; }
note() { echo "$SELF: $*" >&2; }
usage() { sed -n '2,/^set -euo/{/^set -euo/d;s/^# \{0,1\}//;p;}' "$0" >&2; exit "${1:-2}"; }

# ---------------------------------------------------------------- helpers

find_java() {
  if [ -n "${JAVA_HOME:-}" ] && [ -x "$JAVA_HOME/bin/java" ]; then JAVA=$JAVA_HOME/bin/java
  else JAVA=$(command -v java) || die "no java found: install a JRE >= 17 or set JAVA_HOME"; fi
  local v
  v=$("$JAVA" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n1)
  [ "${v:-0}" -ge 17 ] || die "$JAVA is version ${v:-unknown}; Kafka $KAFKA_VERSION needs Java >= 17"
}

need_lib() { [ -f "$DIR/lib/.stamp" ] || die "no jars in $DIR/lib: run '$SELF install $DIR' first"; }

# The cluster's shape, written once when DIR is formatted: NODES, PORT, CPORT, SPORT, SADV, CLUSTER_ID, DIR_IDS.
load_cluster() {
  SPORT="" SADV=""; [ -f "$DIR/cluster.conf" ] || return 1
  # shellcheck disable=SC1091
  . "$DIR/cluster.conf"
}
need_cluster() { load_cluster || die "$DIR holds no cluster: run '$SELF start $DIR' first"; }

node_dir()  { echo "$DIR/node-$1"; }
node_port() { echo $((PORT + $1 - 1)); }
ctrl_port() { echo $((CPORT + $1 - 1)); }
all_nodes() { seq 1 "$NODES"; }

check_node() {
  case ${1:-} in ''|*[!0-9]*) die "NODE must be a number from 1 to $NODES";; esac
  if [ "$1" -lt 1 ] || [ "$1" -gt "$NODES" ]; then die "no node $1: $DIR has nodes 1 to $NODES"; fi
}

# Prints the pid of a node if it runs. A recorded pid counts only while that process is still our
# java (its command line names our server.properties), so a reused pid is never signalled.
node_pid() {
  local f pid
  f=$(node_dir "$1")/pid
  [ -f "$f" ] || return 1
  pid=$(cat "$f"); [ -n "$pid" ] || return 1
  case $(ps -ww -o args= -p "$pid" 2>/dev/null || true) in
    *"$(node_dir "$1")/server.properties"*) echo "$pid";;
    *) return 1;;
  esac
}

# Kafka's own wire protocol, by hand: Metadata v1 with an empty topic list. Prints how many brokers
# the broker on that port knows as alive. Costs no JVM, and proves that it really answers.
probe() {
  local n
  n=$( (
    exec 3<>"/dev/tcp/$HOST/$1" || exit 1
    printf '\0\0\0\016\0\003\0\001\0\0\0\001\377\377\0\0\0\0' >&3
    timeout 3 head -c 12 <&3 | od -An -v -tu1 | tr -s ' \n' '  '
  ) 2>/dev/null | awk '{ if (NF == 12) print $9*16777216 + $10*65536 + $11*256 + $12 }') || true
  [ -n "$n" ] && echo "$n"
}

# One verb at a time changes DIR (where flock exists; readers such as status need no lock).
lock() {
  command -v flock >/dev/null || return 0
  exec 9>"$DIR/.lock"
  flock -w 180 9 || die "another $SELF works on $DIR (its lock: $DIR/.lock)"
}

port_free() { ! (exec 3<>"/dev/tcp/$HOST/$1") 2>/dev/null; }

new_uuid() { head -c 16 /dev/urandom | base64 | tr -d '=\n' | tr '+/' 'ab'; echo; }

java_run() { "$JAVA" -cp "$DIR/lib/*" "-Dlog4j2.configurationFile=$DIR/log4j2-tools.properties" "$@"; }

# ---------------------------------------------------------------- install

write_pom() {
  cat <<EOF
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId>
  <artifactId>kafka-dist</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$KAFKA_VERSION</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$KAFKA_VERSION</version>
      <exclusions>
        <exclusion><groupId>org.apache.kafka</groupId><artifactId>connect-runtime</artifactId></exclusion>
      </exclusions>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>$LOG4J_VERSION</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>$LOG4J_VERSION</version>
    </dependency>
  </dependencies>
</project>
EOF
}

cmd_install() {
  local mvn=${MVN:-mvn} want
  want="kafka=$KAFKA_VERSION log4j=$LOG4J_VERSION layout=1"
  if [ -f "$DIR/lib/.stamp" ] && [ "$(cat "$DIR/lib/.stamp")" = "$want" ]; then
    note "already installed: $want"; write_log_conf; return
  fi
  if load_cluster; then
    for i in $(all_nodes); do ! node_pid "$i" >/dev/null || die "node $i runs from $DIR/lib: stop it first"; done
  fi
  find_java
  command -v "$mvn" >/dev/null || die "no mvn found: install Maven or set MVN"
  rm -rf "$DIR/lib.new"; write_pom > "$DIR/pom.xml"
  "$mvn" -q -B -ntp -Dstyle.color=never -f "$DIR/pom.xml" dependency:copy-dependencies \
      -DincludeScope=runtime -DoutputDirectory="$DIR/lib.new" > "$DIR/mvn.log" 2>&1 \
    || { tail -n 20 "$DIR/mvn.log" >&2; die "mvn could not fetch Kafka $KAFKA_VERSION (is Maven Central reachable?)"; }
  ls "$DIR"/lib.new/kafka_*.jar >/dev/null 2>&1 || die "mvn copied no kafka jar into $DIR/lib.new"
  echo "$want" > "$DIR/lib.new/.stamp"
  rm -rf "${DIR:?}/lib"; mv "$DIR/lib.new" "$DIR/lib"
  write_log_conf
  note "installed: $want, $(find "$DIR/lib" -name '*.jar' | wc -l | tr -d ' ') jars in $DIR/lib"
}

write_log_conf() {
  cat > "$DIR/log4j2.properties" <<'EOF'
status = warn
appender.file.type = RollingFile
appender.file.name = FILE
appender.file.fileName = ${sys:kafka.node.dir}/server.log
appender.file.filePattern = ${sys:kafka.node.dir}/server.log.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = [%d] %p %m (%c)%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 20MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 3
rootLogger.level = info
rootLogger.appenderRef.file.ref = FILE
EOF
  cat > "$DIR/log4j2-tools.properties" <<'EOF'
status = warn
appender.err.type = Console
appender.err.name = ERR
appender.err.target = SYSTEM_ERR
appender.err.layout.type = PatternLayout
appender.err.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.err.ref = ERR
EOF
}

# ---------------------------------------------------------------- start

# server.properties of node $1; the --set lines come last, so they win.
write_props() {
  local d isr=1 boot="" i side="" sideadv="" sidemap=""
  d=$(node_dir "$1")
  [ -z "$SPORT" ] || side=",SIDE://$HOST:$((SPORT + $1 - 1))" sideadv=",SIDE://$HOST:$((SADV + $1 - 1))" sidemap=",SIDE:PLAINTEXT"
  [ "$NODES" -lt 3 ] || isr=2
  for i in $(all_nodes); do boot="$boot${boot:+,}$HOST:$(ctrl_port "$i")"; done
  cat <<EOF
process.roles=broker,controller
node.id=$1
listeners=PLAINTEXT://$HOST:$(node_port "$1"),CONTROLLER://$HOST:$(ctrl_port "$1")$side
advertised.listeners=PLAINTEXT://$HOST:$(node_port "$1"),CONTROLLER://$HOST:$(ctrl_port "$1")$sideadv
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT$sidemap
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=$boot
log.dirs=$d/data
num.partitions=1
default.replication.factor=$NODES
min.insync.replicas=$isr
offsets.topic.num.partitions=5
offsets.topic.replication.factor=$NODES
transaction.state.log.num.partitions=5
transaction.state.log.replication.factor=$NODES
transaction.state.log.min.isr=$isr
share.coordinator.state.topic.num.partitions=5
share.coordinator.state.topic.replication.factor=$NODES
share.coordinator.state.topic.min.isr=$isr
group.initial.rebalance.delay.ms=0
log.cleaner.enable=true
EOF
  [ ! -f "$DIR/overrides.properties" ] || cat "$DIR/overrides.properties"
}

format_node() {
  local d i init=""
  d=$(node_dir "$1")
  [ ! -f "$d/data/meta.properties" ] || return 0
  # shellcheck disable=SC2086
  set -- "$1" $DIR_IDS
  for i in $(all_nodes); do
    init="$init${init:+,}$i@$HOST:$(ctrl_port "$i"):$(eval echo "\${$((i + 1))}")"
  done
  java_run kafka.tools.StorageTool format --cluster-id "$CLUSTER_ID" --config "$d/server.properties" \
      --initial-controllers "$init" > "$d/format.log" 2>&1 \
    || die "formatting node $1 failed: $(tail -n 5 "$d/format.log")"
}

launch_node() {
  local d
  d=$(node_dir "$1")
  rm -f "$d/pid"
  # A session of its own where setsid exists, so that a signal to the caller's group does not reach it.
  # fd 9 (the lock) must not outlive this script in the broker.
  # shellcheck disable=SC2086,SC2016,SC2046
  nohup $(command -v setsid || true) bash -c 'echo $$ > "$1"; shift; exec "$@"' _ "$d/pid" \
    "$JAVA" $KAFKA_HEAP_OPTS $KAFKA_JVM_OPTS -Djava.awt.headless=true -Dkafka.node.dir="$d" \
    -Dlog4j2.configurationFile="$DIR/log4j2.properties" -cp "$DIR/lib/*" kafka.Kafka "$d/server.properties" \
    </dev/null >> "$d/console.log" 2>&1 9>&- &
  disown 2>/dev/null || true
  for _ in 1 2 3 4 5 6 7 8 9 10; do [ -s "$d/pid" ] && return; sleep 0.1; done
  die "node $1 did not start: see $d/console.log"
}

# Waits till each of the given nodes answers and knows at least $1 live brokers.
wait_nodes() {
  local want=$1 end n got; shift
  end=$((SECONDS + START_TIMEOUT))
  for n in "$@"; do
    while :; do
      got=$(probe "$(node_port "$n")" || true)
      [ "${got:-0}" -lt "$want" ] || break
      node_pid "$n" >/dev/null || { tail -n 20 "$(node_dir "$n")/console.log" "$(node_dir "$n")/server.log" >&2 || true
        die "node $n ended while starting: see $(node_dir "$n")/server.log"; }
      [ "$SECONDS" -lt "$end" ] || die "node $n knows ${got:-0} of $want brokers after $START_TIMEOUT s: see $(node_dir "$n")/server.log"
      sleep 0.2
    done
  done
}

# Settles the cluster's shape from the flags and what DIR was formatted for, and checks that its ports are free.
# Sets RUNNING, the number of nodes that run already.
settle_cluster() {
  local nodes="" port="" cport="" sport="" sadv="" i n sets=""; RUNNING=0
  while [ $# -gt 0 ]; do
    case $1 in
      --nodes) nodes=${2:?--nodes needs a value}; shift 2;;
      --port) port=${2:?--port needs a value}; shift 2;;
      --controller-port) cport=${2:?--controller-port needs a value}; shift 2;;
      --side-port) sport=${2:?needs a value}; shift 2;;
      --side-advertised) sadv=${2:?needs a value}; shift 2;;
      --set) case ${2:-} in *=*) sets="$sets$2"$'\n';; *) die "--set needs key=value";; esac; shift 2;;
      *) die "start: unknown argument '$1'";;
    esac
  done
  case $nodes in ''|1|3) ;; *) die "--nodes must be 1 or 3";; esac
  [ -z "$sport$sadv" ] || [ -n "$sport" -a -n "$sadv" ] || die "--side-port and --side-advertised go together"
  for n in $port $cport $sport $sadv; do
    case $n in *[!0-9]*) die "a port must be a number: '$n'";; esac
    if [ "$n" -lt 1024 ] || [ "$n" -gt 65535 ]; then die "a port must lie in 1024..65535: $n"; fi
  done
  need_lib; find_java; write_log_conf
  if load_cluster; then
    [ -z "$nodes" ] || [ "$nodes" = "$NODES" ] || die "$DIR was formatted for $NODES node(s), not $nodes: wipe it first or use another DIR"
    [ -z "$port" ] || [ "$port" = "$PORT" ] || die "$DIR was formatted for port $PORT, not $port: wipe it first or use another DIR"
    [ -z "$cport" ] || [ "$cport" = "$CPORT" ] || die "$DIR was formatted for controller port $CPORT, not $cport: wipe it first or use another DIR"
    [ -z "$sport" ] || [ "$sport/$sadv" = "$SPORT/$SADV" ] || die "$DIR was formatted for side ports ${SPORT:-none}, not $sport: wipe it first or use another DIR"
  else
    SPORT=$sport SADV=$sadv
    NODES=${nodes:-1} PORT=${port:-9092}; CPORT=${cport:-$((PORT + NODES))}
    CLUSTER_ID=$(new_uuid) DIR_IDS=""
    for i in $(all_nodes); do DIR_IDS="$DIR_IDS $(new_uuid)"; done
  fi
  for i in $(all_nodes); do
    if node_pid "$i" >/dev/null; then RUNNING=$((RUNNING + 1)); continue; fi
    for n in "$(node_port "$i")" "$(ctrl_port "$i")" ${SPORT:+$((SPORT + i - 1))}; do
      port_free "$n" || die "port $n on $HOST is in use by another process: choose another --port"
    done
  done
  [ "$RUNNING" -eq 0 ] || [ -z "$sets" ] || die "--set takes effect at a start of the whole cluster: stop it first"
  cat > "$DIR/cluster.conf" <<EOF
NODES=$NODES
PORT=$PORT CPORT=$CPORT SPORT=$SPORT SADV=$SADV
CLUSTER_ID=$CLUSTER_ID
DIR_IDS="$DIR_IDS"
EOF
  [ -z "$sets" ] || printf '%s' "$sets" > "$DIR/overrides.properties"
}

cmd_start() {
  local i n jobs=()
  settle_cluster "$@"
  for i in $(all_nodes); do
    node_pid "$i" >/dev/null && continue
    mkdir -p "$(node_dir "$i")"; write_props "$i" > "$(node_dir "$i")/server.properties"
    format_node "$i" & jobs+=($!)
  done
  for n in ${jobs[@]+"${jobs[@]}"}; do wait "$n" || exit 1; done
  for i in $(all_nodes); do node_pid "$i" >/dev/null || launch_node "$i"; done
  # shellcheck disable=SC2046
  wait_nodes "$NODES" $(all_nodes)
  cmd_bootstrap
}

# For a caller that watches over the broker itself: no waiting, no session of its own, and a signal to this
# process is one to the broker. Of several nodes each has a process of its own.
cmd_run() {
  local d node=1
  if [ "${1:-}" = --node ]; then node=${2:?--node needs a value}; shift 2; fi
  settle_cluster "$@"
  check_node "$node"
  ! node_pid "$node" >/dev/null || die "node $node runs already"
  d=$(node_dir "$node")
  mkdir -p "$d"; write_props "$node" > "$d/server.properties"
  format_node "$node"
  echo $$ > "$d/pid"
  # shellcheck disable=SC2086
  exec "$JAVA" $KAFKA_HEAP_OPTS $KAFKA_JVM_OPTS -Djava.awt.headless=true -Dkafka.node.dir="$d" \
    -Dlog4j2.configurationFile="$DIR/log4j2.properties" -cp "$DIR/lib/*" kafka.Kafka "$d/server.properties" \
    </dev/null >> "$d/console.log" 2>&1 9>&-
}

cmd_bootstrap() {
  local i out=""
  need_cluster
  for i in $(all_nodes); do out="$out${out:+,}$HOST:$(node_port "$i")"; done
  echo "$out"
}

# ---------------------------------------------------------------- stop, faults, status

# Waits till the given nodes are gone; after STOP_TIMEOUT s the rest get kill -9. When all of a cluster
# stops, the last node can find no controller quorum left to say goodbye to and would wait for minutes:
# once no majority runs, the rest get 8 s more (a leader's ordinary goodbye takes up to 5 s).
wait_gone() {
  local end=$((SECONDS + STOP_TIMEOUT)) n pid left short=""
  while :; do
    left=""
    for n in "$@"; do
      if pid=$(node_pid "$n"); then left="$left $n"; else rm -f "$(node_dir "$n")/pid"; fi
    done
    [ -n "$left" ] || return 0
    # shellcheck disable=SC2086
    if [ -z "$short" ] && [ "$NODES" -gt 1 ] && [ "$(echo $left | wc -w)" -le $((NODES / 2)) ] && [ $# -eq "$NODES" ]; then
      short=1; [ "$end" -le $((SECONDS + 8)) ] || end=$((SECONDS + 8))
    fi
    if [ "$SECONDS" -ge "$end" ]; then
      for n in $left; do
        if pid=$(node_pid "$n"); then note "node $n (pid $pid) did not end by itself: kill -9"; kill -KILL "$pid" || true; fi
      done
    fi
    sleep 0.2
  done
}

stop_nodes() {
  local n pid
  for n in "$@"; do
    if pid=$(node_pid "$n"); then kill -CONT "$pid" 2>/dev/null || true; kill -TERM "$pid" 2>/dev/null || true; fi
  done
  wait_gone "$@"
}

cmd_stop() {
  load_cluster || { note "$DIR holds no cluster: nothing to stop"; return 0; }
  # shellcheck disable=SC2046
  stop_nodes $(all_nodes)
  note "stopped"
}

signal_node() { # SIGNAL NODE
  local pid
  pid=$(node_pid "$2") || die "node $2 does not run"
  kill "-$1" "$pid"
}

cmd_kill() {
  need_cluster; check_node "${1:-}"
  signal_node KILL "$1"; wait_gone "$1"
  note "killed node $1"
}
cmd_pause()  { need_cluster; check_node "${1:-}"; signal_node STOP "$1"; note "paused node $1"; }
cmd_resume() { need_cluster; check_node "${1:-}"; signal_node CONT "$1"; note "resumed node $1"; }

cmd_restart_node() {
  local want=0 i
  need_cluster; check_node "${1:-}"; need_lib; find_java
  stop_nodes "$1"
  for i in $(all_nodes); do ! node_pid "$i" >/dev/null || want=$((want + 1)); done
  [ -f "$(node_dir "$1")/data/meta.properties" ] || die "node $1 was never formatted: use start"
  launch_node "$1"
  wait_nodes $((want + 1)) "$1"
  note "node $1 is back, pid $(node_pid "$1")"
}

cmd_status() {
  local i pid got up=0
  load_cluster || { echo "no cluster in $DIR"; return 3; }
  for i in $(all_nodes); do
    if ! pid=$(node_pid "$i"); then echo "node $i  $HOST:$(node_port "$i")  down"; continue; fi
    case $(ps -o stat= -p "$pid") in T*) echo "node $i  $HOST:$(node_port "$i")  pid $pid  paused"; continue;; esac
    if got=$(probe "$(node_port "$i")"); then up=$((up + 1)); echo "node $i  $HOST:$(node_port "$i")  pid $pid  up, knows $got of $NODES brokers"
    else echo "node $i  $HOST:$(node_port "$i")  pid $pid  runs, does not answer"; fi
  done
  if [ "$up" -eq "$NODES" ]; then return 0; elif [ "$up" -eq 0 ]; then return 3; else return 4; fi
}

cmd_wipe() {
  local n
  if load_cluster; then
    # shellcheck disable=SC2046
    for n in $(all_nodes); do ! node_pid "$n" >/dev/null || signal_node KILL "$n"; done
    # shellcheck disable=SC2046
    wait_gone $(all_nodes)
  fi
  rm -rf "$DIR"/node-[0-9]* "$DIR/cluster.conf" "$DIR/overrides.properties"
  note "wiped the data of $DIR (jars kept)"
}

cmd_tool() {
  local name=${1:-} c
  [ -n "$name" ] || die "tool: name one of: topics features groups consumer-groups configs quorum storage log-dump transactions api-versions perf-producer perf-consumer, or a class"
  shift; need_lib; find_java
  case $name in
    topics) c=org.apache.kafka.tools.TopicCommand;;
    features) c=org.apache.kafka.tools.FeatureCommand;;
    groups) c=org.apache.kafka.tools.GroupsCommand;;
    consumer-groups) c=org.apache.kafka.tools.consumer.group.ConsumerGroupCommand;;
    configs) c=kafka.admin.ConfigCommand;;
    quorum) c=org.apache.kafka.tools.MetadataQuorumCommand;;
    storage) c=kafka.tools.StorageTool;;
    log-dump) c=org.apache.kafka.tools.DumpLogSegments;;
    transactions) c=org.apache.kafka.tools.TransactionsCommand;;
    api-versions) c=org.apache.kafka.tools.BrokerApiVersionsCommand;;
    perf-producer) c=org.apache.kafka.tools.ProducerPerformance;;
    perf-consumer) c=org.apache.kafka.tools.ConsumerPerformance;;
    *.*) c=$name;;
    *) die "tool: unknown tool '$name'";;
  esac
  java_run "$c" "$@"
}

# ---------------------------------------------------------------- main

case ${1:-} in -h|--help|help) usage 0;; esac
[ $# -ge 2 ] || usage
verb=$1 DIR=$2; shift 2
case $verb in install) mkdir -p "$DIR";; esac
[ -d "$DIR" ] || die "no folder $DIR: run '$SELF install $DIR' first"
DIR=$(cd "$DIR" && pwd -P)
case $DIR in *[[:space:]:\*]*) die "DIR must hold no blank, ':' or '*': $DIR";; esac

case $verb in install|start|run|stop|kill|restart-node|wipe) lock;; esac
case $verb in
  install)      cmd_install;;
  start)        cmd_start "$@";;
  run)          cmd_run "$@";;
  stop)         cmd_stop;;
  status)       cmd_status;;
  kill)         cmd_kill "$@";;
  pause)        cmd_pause "$@";;
  resume)       cmd_resume "$@";;
  restart-node) cmd_restart_node "$@";;
  wipe)         cmd_wipe;;
  bootstrap)    cmd_bootstrap;;
  tool)         cmd_tool "$@";;
  *)            note "unknown verb '$verb'"; usage;;
esac
