/**
 * The shim: one small process per container that outlives the kubelet. It is the container's parent (as a
 * subreaper, since `runc create` hands the process over), writes what the container says in CRI's log
 * format, and leaves the exit code in a file whose appearance the kubelet watches.
 *
 * In Perl without modules, because Debian always has it, it can make the two system calls that a shell
 * cannot, and it holds half a megabyte of memory of its own where a Node process holds forty and a waiting
 * `runc run` ten. See docs/decisions.
 *
 * Invariants: the exit file is written once, by rename, after the last log line; without an exit file the
 * container lives or its shim was killed.
 */

/** Numbers of the system calls that Perl has no word for, by machine (`uname -m`). */
const systemCalls: Readonly<Record<string, readonly number[]>> = {
  // prctl, setsid, clock_gettime, recvmsg
  amd64: [157, 112, 228, 47],
  arm64: [167, 157, 113, 212],
}

/** The shim's program for this machine. @throws Error on a machine whose system calls it does not know */
export function shimProgram(architecture: string): string {
  const calls = systemCalls[architecture]
  if (calls === undefined) {
    throw new Error(
      `cannot run containers on ${architecture}: the shim knows ${Object.keys(systemCalls).join(', ')}; use --fake-nodes`,
    )
  }
  return `my ($nr_prctl, $nr_setsid, $nr_clock, $nr_recvmsg) = (${calls.join(', ')});\n${program}`
}

/** Where the shim of a container finds and leaves things. */
export interface ShimOptions {
  readonly program: string
  readonly runtime: string
  readonly runtimeRoot: string
  readonly bundle: string
  readonly id: string
  readonly log: string
  readonly exitFile: string
  /** A FIFO to read the container's standard input from, or none. */
  readonly stdin: string | undefined
  /** Gives the container a terminal: one stream for input and both outputs. */
  readonly hasTty: boolean
}

/** The command line that starts a shim; it prints `ok <pid> <shim pid>` once the container is created. */
export function shimArguments(options: ShimOptions): readonly string[] {
  const { program, runtime, runtimeRoot, bundle, id, log, exitFile, stdin, hasTty } = options
  return [program, runtime, runtimeRoot, bundle, id, log, exitFile, stdin ?? '', hasTty ? 'tty' : '']
}

/** What the shim left at the container's end. */
export interface ShimExit {
  readonly exitCode: number
  readonly finishedAtMs: number
}

/** Reads an exit file: `<code> <nanoseconds since the epoch>`. */
export function parseExit(text: string): ShimExit | undefined {
  const match = /^(\d+) (\d+)$/.exec(text.trim())
  if (match?.[1] === undefined || match[2] === undefined) return undefined
  return { exitCode: Number(match[1]), finishedAtMs: Number(BigInt(match[2]) / 1_000_000n) }
}

const program = String.raw`
my ($oci, $root, $bundle, $id, $log, $exit, $stdin, $tty) = @ARGV;
pipe(my $ready, my $tell) or die "pipe: $!";
my $shim = fork();
die "fork: $!" unless defined $shim;
if ($shim) {
  close $tell;
  local $/;
  my $answer = <$ready>;
  if (defined $answer && $answer =~ /^ok /) { print $answer; exit 0; }
  print STDERR $answer;
  exit 1;
}
close $ready;
syscall($nr_setsid);
syscall($nr_prctl, 36, 1, 0, 0, 0);
if (open(my $oom, '>', '/proc/self/oom_score_adj')) { print $oom "-998"; close $oom; }
$0 = "skedia-shim $id";
chdir $bundle;
$SIG{PIPE} = $SIG{INT} = $SIG{TERM} = 'IGNORE';
my $reopen = 0;
$SIG{HUP} = sub { $reopen = 1; };
pipe(my $wake, my $woken);
$SIG{CHLD} = sub { syswrite($woken, 'c'); };
my $closing = 0;
$SIG{USR1} = sub { $closing = 1; syswrite($woken, 'c'); };
open(STDIN, '<', '/dev/null');
open(STDOUT, '>', '/dev/null');
open(STDERR, '>', '/dev/null');
pipe(my $out_r, my $out_w);
pipe(my $err_r, my $err_w);
sub fail { print $tell $_[0]; close $tell; exit 1; }
my ($fifo, $in_r, $sink, $console);
my $pending = '';
if ($stdin ne '') {
  open($fifo, '+<', $stdin) or fail("cannot open $stdin: $!");
  pipe($in_r, $sink);
}
my @terminal;
if ($tty) {
  # A relative path: a socket's name holds 107 bytes at most.
  socket($console, 1, 1, 0) or fail("socket: $!");
  bind($console, pack('S a*', 1, "console.sock\0")) or fail("bind console.sock: $!");
  listen($console, 1);
  @terminal = ('--console-socket', 'console.sock');
}
open(my $lines, '>>', $log) or fail("cannot open $log: $!");
my $creator = fork();
if (!$creator) {
  $SIG{$_} = 'DEFAULT' for qw(PIPE INT TERM HUP CHLD USR1);
  open(STDIN, '<&', $in_r) if $in_r;
  open(STDOUT, '>&', $out_w);
  open(STDERR, '>&', $err_w);
  exec($oci, '--root', $root, '--log', "$bundle/oci.log", 'create', '--bundle', $bundle, '--pid-file', "$bundle/pid", @terminal, $id);
  print STDERR "cannot run $oci: $!\n";
  exit 127;
}
close $out_w;
close $err_w;
my ($created, %ended);
until (defined $created) {
  my $pid = waitpid(-1, 0);
  last if $pid < 0;
  $ended{$pid} = $?;
  $created = $? if $pid == $creator;
}
if ($created != 0) {
  my $text = '';
  if (open(my $errors, '<', "$bundle/oci.log")) { local $/; $text = <$errors>; close $errors; }
  if (!defined $text || $text eq '') { sysread($err_r, $text, 4096); }
  fail("exit status " . ($created >> 8) . ": $text");
}
open(my $pidfile, '<', "$bundle/pid") or fail("no pid file: $!");
my $container = <$pidfile> + 0;
close $pidfile;
print $tell "ok $container $$\n";
close $tell;

my $status = $ended{$container};
my %rest = (out => '', err => '');
my %name = (out => 'stdout', err => 'stderr');
my %from = (out => $out_r, err => $err_r);
my $limit = 16384;

sub address { return unpack('Q', pack('P', $_[0])); }
sub receive_fd {
  my ($peer) = @_;
  my ($data, $control) = ("\0" x 4096, "\0" x 64);
  my $vector = pack('QQ', address($data), 4096);
  my $message = pack('Q7', 0, 0, address($vector), 1, address($control), 64, 0);
  return -1 if syscall($nr_recvmsg, fileno($peer), $message, 0) < 0;
  return unpack('l', substr($control, 16, 4));
}
if ($tty) {
  accept(my $peer, $console);
  my $fd = receive_fd($peer);
  open(my $terminal, '+<&=', $fd);
  %from = (out => $terminal);
  $sink = $terminal if $sink;
  unlink 'console.sock';
}
close $in_r if $in_r;

sub now { my $b = "\0" x 16; syscall($nr_clock, 0, $b); return unpack('q2', $b); }
sub stamp {
  my ($s, $n) = now();
  my @t = gmtime($s);
  return sprintf('%04d-%02d-%02dT%02d:%02d:%02d.%09dZ', $t[5] + 1900, $t[4] + 1, $t[3], $t[2], $t[1], $t[0], $n);
}
sub put {
  my ($text) = @_;
  if ($reopen) { $reopen = 0; close $lines; open($lines, '>>', $log); }
  while (length $text) {
    my $n = syswrite($lines, $text);
    last unless defined $n;
    substr($text, 0, $n) = '';
  }
}
sub take {
  my ($key) = @_;
  my $n = sysread($from{$key}, my $chunk, 65536);
  return 1 if !defined $n && $! == 4;
  if (!$n) { delete $from{$key}; return 0; }
  my $head = stamp() . " $name{$key}";
  my $text = $rest{$key} . $chunk;
  my $lines_out = '';
  my $at = 0;
  while ((my $end = index($text, "\n", $at)) >= 0) {
    while ($end - $at > $limit) { $lines_out .= "$head P " . substr($text, $at, $limit) . "\n"; $at += $limit; }
    $lines_out .= "$head F " . substr($text, $at, $end - $at) . "\n";
    $at = $end + 1;
  }
  while (length($text) - $at > $limit) { $lines_out .= "$head P " . substr($text, $at, $limit) . "\n"; $at += $limit; }
  $rest{$key} = substr($text, $at);
  # A prompt has no end of line, and whoever is attached must see it.
  if ($tty && length $rest{$key}) { $lines_out .= "$head P $rest{$key}\n"; $rest{$key} = ''; }
  put($lines_out);
  return 1;
}
my @done;
sub ready {
  my ($timeout) = @_;
  my ($bits, $writable) = ('', '');
  vec($bits, fileno($from{$_}), 1) = 1 for keys %from;
  vec($bits, fileno($wake), 1) = 1;
  if ($sink && $pending eq '') { vec($bits, fileno($fifo), 1) = 1; }
  if ($sink && $pending ne '') { vec($writable, fileno($sink), 1) = 1; }
  my $n = select($bits, $writable, undef, $closing ? 0.05 : $timeout);
  if ($n <= 0) {
    # Nothing is left to read: the input ends. A terminal's ends by a key.
    if ($closing && $sink && $pending eq '' && !$tty) { close $sink; undef $sink; }
    $closing = 0 unless $sink && $pending ne '';
    return ();
  }
  if ($sink && $pending ne '' && vec($writable, fileno($sink), 1)) {
    my $count = syswrite($sink, $pending, 4096);
    if (defined $count) { substr($pending, 0, $count) = ''; } else { $pending = ''; undef $sink; }
  } elsif ($sink && vec($bits, fileno($fifo), 1)) {
    sysread($fifo, $pending, 65536);
  }
  sysread($wake, my $drop, 512) if vec($bits, fileno($wake), 1);
  return grep { vec($bits, fileno($from{$_}), 1) } sort keys %from;
}
sub reap {
  while ((my $pid = waitpid(-1, 1)) > 0) {
    if ($pid == $container) { $status = $?; @done = now(); }
  }
}
reap();
until (defined $status) {
  take($_) for ready(undef);
  reap();
}
@done = now() unless @done;
for (my $rounds = 0; $rounds < 4096 && %from; $rounds++) {
  my @more = ready(0);
  last unless @more;
  take($_) for @more;
}
for my $key (qw(out err)) { put(stamp() . " $name{$key} P $rest{$key}\n") if length $rest{$key}; }
my $code = ($status & 127) ? 128 + ($status & 127) : ($status >> 8);
open(my $file, '>', "$exit.new");
print $file "$code " . sprintf('%d%09d', @done) . "\n";
close $file;
rename("$exit.new", $exit);
`
