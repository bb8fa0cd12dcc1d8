// The system call filter of a job: which kinds of sockets it may make.
//
// A read-only file system and a network namespace of its own keep nobody from connecting to a Unix socket
// that the host has bound somewhere, since that is neither writing nor network. A filter cannot look at the
// address that is connected to; what it can refuse is the socket itself.
import { LooprError } from "../lib/errors.ts";

/** Of one architecture: what it is to the kernel, and the numbers of the calls (asm/unistd.h). */
interface Abi {
  /** AUDIT_ARCH_… of linux/audit.h. */
  audit: number;
  socket: number;
  socketpair: number;
  /** Numbers from here on belong to another ABI with the same mark (x32). Null: there is none. */
  foreignFrom: number | null;
}

const abis: ReadonlyMap<string, Abi> = new Map([
  ["x64", { audit: 0xc000003e, socket: 41, socketpair: 53, foreignFrom: 0x4000_0000 }],
  ["arm64", { audit: 0xc00000b7, socket: 198, socketpair: 199, foreignFrom: null }],
]);
/** The same on every architecture. Its ring makes sockets and connects them past every filter. */
const ioUringSetup = 425;

/** Address families, linux/socket.h. Another one (vsock reaches the machine's host) is refused to everybody. */
const [unix, inet, inet6, netlink] = [1, 2, 10, 16];
/** The type of a socket is in the lowest bits; above them are flags. */
const typeMask = 0xf;
const [datagram, raw] = [2, 3];

/** Offsets into struct seccomp_data. Both architectures are little-endian; these arguments are ints. */
const [numberAt, archAt, firstArgumentAt, secondArgumentAt] = [0, 4, 16, 24];

const [eperm, enosys, eafnosupport] = [1, 38, 97];
const allow = 0x7fff_0000;
const killProcess = 0x8000_0000;
const refuse = (errno: number): number => 0x0005_0000 | errno;

/**
 * The program, as `bwrap --seccomp` reads it. Without `unixSockets` no Unix socket can be made, but pairs
 * of connected ones can, which is how programs talk to their children; only those of datagrams are refused
 * too, since they can send to any other address.
 */
export function socketFilter(unixSockets: boolean, arch: string = process.arch): Buffer {
  const abi = abis.get(arch);
  if (!abi) {
    const message = `there is no system call filter for ${arch}`;
    throw new LooprError("sandbox_unavailable", message, "sandboxed jobs need x64 or arm64");
  }
  return assemble([
    load(archAt),
    // Calls of another ABI (32-bit programs) have other numbers, which are not looked up here.
    unless(abi.audit, [answer(killProcess)]),
    load(numberAt),
    ...(abi.foreignFrom === null ? [] : [from(abi.foreignFrom, [answer(refuse(enosys))])]),
    when(ioUringSetup, [answer(refuse(enosys))]),
    when(abi.socket, [
      load(firstArgumentAt),
      ...[inet, inet6, netlink].map((family) => when(family, [answer(allow)])),
      when(unix, [answer(unixSockets ? allow : refuse(eperm))]),
      answer(refuse(eafnosupport)),
    ]),
    ...(unixSockets
      ? []
      : [
          when(abi.socketpair, [
            load(secondArgumentAt),
            masked(typeMask),
            when(datagram, [answer(refuse(eperm))]),
            when(raw, [answer(refuse(eperm))]),
            answer(allow),
          ]),
        ]),
    answer(allow),
  ]);
}

/** One instruction of classic BPF: what to do, where to go on from there, and with which value. */
interface Instruction {
  code: number;
  ifTrue: number;
  ifFalse: number;
  value: number;
}
type Code = Instruction[];

const [opLoad, opAnd, opEqual, opAtLeast, opReturn] = [0x20, 0x54, 0x15, 0x35, 0x06];
const instructionBytes = 8;

function plain(code: number, value: number): Code {
  return [{ code, ifTrue: 0, ifFalse: 0, value }];
}
const load = (offset: number): Code => plain(opLoad, offset);
const masked = (mask: number): Code => plain(opAnd, mask);
const answer = (action: number): Code => plain(opReturn, action);

/** The body is jumped over where the condition does not hold. It ends in an answer. */
function branch(code: number, value: number, body: Code[], holds: boolean): Code {
  const inner = body.flat();
  const over = { ifTrue: holds ? 0 : inner.length, ifFalse: holds ? inner.length : 0 };
  return [{ code, value, ...over }, ...inner];
}
const when = (value: number, body: Code[]): Code => branch(opEqual, value, body, true);
const unless = (value: number, body: Code[]): Code => branch(opEqual, value, body, false);
const from = (value: number, body: Code[]): Code => branch(opAtLeast, value, body, true);

/** struct sock_filter, one after the other. */
function assemble(code: Code[]): Buffer {
  const program = code.flat();
  const bytes = Buffer.alloc(program.length * instructionBytes);
  program.forEach(({ code, ifTrue, ifFalse, value }, index) => {
    const at = index * instructionBytes;
    bytes.writeUInt16LE(code, at);
    bytes.writeUInt8(ifTrue, at + 2);
    bytes.writeUInt8(ifFalse, at + 3);
    bytes.writeUInt32LE(value >>> 0, at + 4);
  });
  return bytes;
}
