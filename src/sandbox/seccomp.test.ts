import { expect, test } from "bun:test";
import { socketFilter } from "./seccomp.ts";

const x64 = { audit: 0xc000003e, socket: 41, socketpair: 53 };
const arm64 = { audit: 0xc00000b7, socket: 198, socketpair: 199 };
const i386 = 0x40000003;
const [allowed, eperm, enosys, noFamily, killed] = [0x7fff0000, 0x50001, 0x50026, 0x50061, 0x80000000];
const [stream, datagram, raw, seqpacket, flags] = [1, 2, 3, 5, 0o2004000];

/** What the kernel would answer: an interpreter of the few instructions that the filter is made of. */
function ask(program: Buffer, audit: number, number: number, args: number[] = []): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number, 0);
  data.writeUInt32LE(audit, 4);
  args.forEach((value, index) => data.writeBigUInt64LE(BigInt(value), 16 + 8 * index));
  let accumulator = 0;
  for (let at = 0; at < program.length; at += 8) {
    const value = program.readUInt32LE(at + 4);
    const jump = (taken: boolean) => (at += 8 * program.readUInt8(at + (taken ? 2 : 3)));
    const code = program.readUInt16LE(at);
    if (code === 0x20) accumulator = data.readUInt32LE(value);
    else if (code === 0x54) accumulator = (accumulator & value) >>> 0;
    else if (code === 0x15) jump(accumulator === value);
    else if (code === 0x35) jump(accumulator >= value);
    else if (code === 0x06) return value;
    else throw new Error(`an instruction that the kernel would be asked to check: ${code.toString(16)}`);
  }
  throw new Error("ran past the end");
}

test.each([
  ["x64", x64],
  ["arm64", arm64],
] as const)("%s: which sockets can be made", (arch, { audit, socket, socketpair }) => {
  const closed = socketFilter(false, arch);
  const open = socketFilter(true, arch);
  const cases: [what: string, number: number, args: number[], closed: number, open: number][] = [
    ["any other call", 1, [], allowed, allowed],
    ["connect", arch === "x64" ? 42 : 203, [3], allowed, allowed],
    ["IPv4", socket, [2, stream], allowed, allowed],
    ["IPv6", socket, [10, datagram], allowed, allowed],
    ["netlink", socket, [16, raw], allowed, allowed],
    ["Unix", socket, [1, stream], eperm, allowed],
    ["Unix, with flags", socket, [1, stream | flags], eperm, allowed],
    ["Unix, with bits that the kernel ignores", socket, [2 ** 32 + 1, stream], eperm, allowed],
    ["vsock", socket, [40, stream], noFamily, noFamily],
    ["a pair of streams", socketpair, [1, stream | flags], allowed, allowed],
    ["a pair of packets", socketpair, [1, seqpacket], allowed, allowed],
    ["a pair of datagrams", socketpair, [1, datagram | flags], eperm, allowed],
    ["a pair of raw ones, which are datagrams", socketpair, [1, raw], eperm, allowed],
    ["io_uring", 425, [], enosys, enosys],
  ];
  for (const [what, number, args, whenClosed, whenOpen] of cases) {
    expect([what, ask(closed, audit, number, args)]).toEqual([what, whenClosed]);
    expect([what, ask(open, audit, number, args)]).toEqual([what, whenOpen]);
  }
  expect(ask(closed, i386, socket, [2])).toBe(killed);
});

test("x32, whose calls carry the mark of x64, has none of them", () => {
  expect(ask(socketFilter(false, "x64"), x64.audit, 0x4000_0000 + x64.socket, [1])).toBe(enosys);
});

test("no filter for a machine that is not known", () => {
  expect(() => socketFilter(false, "riscv64")).toThrow("no system call filter for riscv64");
});
