using System.Collections.Immutable;
using Calico.Linux;
using Calico.Linux.Netlink;
using Calico.Linux.Nftables;
using NUnit.Framework;
using static Calico.UnitTests.Linux.ScriptedKernel;

namespace Calico.UnitTests.Linux;

/// <summary>Answers that a kernel gives seldom.</summary>
public sealed class NetlinkAnswerTests
{
    private const ushort SomeType = 0x30;
    private const ushort RTM_GETLINK = 18;

    [TestCase(true, false)]
    [TestCase(false, true)]
    public void A_dump_that_a_change_interrupted_is_no_snapshot(bool inAMessage, bool atItsEnd)
    {
        using var kernel = new ScriptedKernel();
        kernel.Says(Message(SomeType, 1, inAMessage ? NetlinkFlags.DumpInterrupted : NetlinkFlags.None), Message(SomeType, 1));
        kernel.Says(Done(1, 0, atItsEnd ? NetlinkFlags.DumpInterrupted : NetlinkFlags.None));
        Assert.That(() => Dump(kernel, 1), Throws.TypeOf<NetlinkInterruptedException>());

        // And it was read to its end: the next is whole.
        kernel.Says(Message(SomeType, 2), Done(2));
        Assert.That(Dump(kernel, 2), Is.EqualTo(1));
    }

    [Test]
    public void A_dump_that_ends_with_EINTR_is_no_snapshot_and_with_another_number_is_refused()
    {
        using var kernel = new ScriptedKernel();
        kernel.Says(Message(SomeType, 1), Done(1, (int)Errno.Interrupted));
        Assert.That(() => Dump(kernel, 1), Throws.TypeOf<NetlinkInterruptedException>());
        kernel.Says(Message(SomeType, 2, NetlinkFlags.DumpInterrupted), Done(2, (int)Errno.NotPermitted));
        Assert.That(() => Dump(kernel, 2), Throws.TypeOf<NetlinkException>().With.Property(nameof(NetlinkException.Errno))
            .EqualTo(Errno.NotPermitted));
    }

    [Test]
    public void A_listing_is_tried_again_while_it_is_interrupted_but_not_for_ever()
    {
        var attempts = 0;
        Assert.That(NetlinkSocket.Retry(() => ++attempts < 8 ? throw new NetlinkInterruptedException("list") : "whole"),
            Is.EqualTo("whole"));
        attempts = 0;
        Assert.That(() => NetlinkSocket.Retry<string>(() => throw new NetlinkInterruptedException($"list {++attempts}")),
            Throws.TypeOf<NetlinkInterruptedException>());
        Assert.That(attempts, Is.EqualTo(8));
    }

    [Test]
    public void A_datagram_that_was_cut_off_is_not_read()
    {
        using var kernel = new ScriptedKernel(receiveLength: 64);
        kernel.Says(Message(SomeType, 1, NetlinkFlags.None, new byte[100]), Done(1));
        Assert.That(() => Dump(kernel, 1), Throws.TypeOf<NetlinkException>().With.Property(nameof(NetlinkException.Errno))
            .EqualTo(Errno.MessageSize));
    }

    [Test]
    public void Where_nothing_waits_nothing_is_received_and_that_is_no_error()
    {
        using var kernel = new ScriptedKernel();
        Assert.That(kernel.Socket.TryReceive("look", out var nothing), Is.False);
        Assert.That(nothing.Length, Is.Zero);
        kernel.Says(Done(1));
        Assert.That(kernel.Socket.TryReceive("look", out var something), Is.True);
        Assert.That(something.Length, Is.EqualTo(20));
    }

    [Test]
    public void Of_a_batch_only_its_own_answers_count()
    {
        using var batch = new NftBatch();
        batch.AddTable(new(NftFamily.Inet, "one"));
        batch.AddTable(new(NftFamily.Inet, "two"));

        // Numbers 100 (begin), 101, 102 and 103 (end).
        var (isLast, failures) = Read(batch, Error(98, 1), Error(99, 1), Error(104, 1), Error(uint.MaxValue, 1), Message(SomeType, 101));
        Assert.That((isLast, failures.Length), Is.EqualTo((false, 0)), "of another batch, or no answer");

        (isLast, failures) = Read(batch, Error(101, (int)Errno.Exists), Error(102, 0));
        Assert.That(isLast, Is.True);
        Assert.That(failures.Select(f => (f.Index, f.Errno)), Is.EqualTo(new[] { (0, Errno.Exists) }));

        (isLast, failures) = Read(batch, Error(100, (int)Errno.Restart), Error(103, (int)Errno.OutOfMemory));
        Assert.That(failures.Select(f => (f.Index, f.Errno)), Is.EqualTo(new[] { (-1, Errno.Restart), (-1, Errno.OutOfMemory) }),
            "of the transaction as a whole");
        Assert.That(isLast, Is.False);
    }

    private static (bool IsLast, ImmutableArray<NftFailure> Failures) Read(NftBatch batch, params byte[][] messages)
    {
        var failures = ImmutableArray.CreateBuilder<NftFailure>();
        var isLast = NftSocket.ReadAnswers([.. messages.SelectMany(m => m)], batch, 100, failures);
        return (isLast, failures.ToImmutable());
    }

    /// <returns>How many messages it had.</returns>
    private static int Dump(ScriptedKernel kernel, uint sequence)
    {
        using var writer = new NetlinkWriter();
        writer.BeginMessage(RTM_GETLINK, NetlinkFlags.Request | NetlinkFlags.Dump, sequence);
        writer.EndMessage();
        var found = 0;
        kernel.Socket.Dump(writer, sequence, "list", (in NetlinkMessage _) => found++);
        return found;
    }
}
