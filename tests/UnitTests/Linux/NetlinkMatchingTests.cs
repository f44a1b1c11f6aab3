using System.Net.Sockets;
using System.Runtime.InteropServices;
using Calico.Linux.Interop;
using Calico.Linux.Netlink;
using Calico.Linux.Route;
using NUnit.Framework;

namespace Calico.UnitTests.Linux;

/// <summary>An answer belongs to the request whose number it carries, also when an earlier request's is still in the queue. Asks the kernel
/// for links of this namespace; changes nothing.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class NetlinkMatchingTests : IDisposable
{
    private const int Loopback = 1;
    private const int Missing = 1 << 30;

    private readonly NetlinkSocket _socket = NetlinkSocket.Open(NetlinkFamily.Route, TimeSpan.FromSeconds(5));
    private readonly NetlinkWriter _writer = new();

    public void Dispose()
    {
        _writer.Dispose();
        _socket.Dispose();
    }

    [Test]
    public void D_an_acknowledgement_of_another_request_is_not_taken()
    {
        Leave(Missing, NetlinkFlags.Ack);
        Assert.That(() => Acknowledge(Loopback), Throws.Nothing, "the error is the former request's");
        Leave(Loopback, NetlinkFlags.Ack);
        Assert.That(() => Acknowledge(Missing), Throws.TypeOf<NetlinkException>().With.Property(nameof(NetlinkException.Errno))
            .EqualTo(Calico.Linux.Errno.NoDevice));
    }

    [Test]
    public void D_an_answer_to_another_request_is_not_taken()
    {
        Leave(Loopback, NetlinkFlags.None);
        Assert.That(() => Ask(Missing), Throws.TypeOf<NetlinkException>(), "the link is the former request's");
        Leave(Missing, NetlinkFlags.None);
        Assert.That(Ask(Loopback), Is.EqualTo(1));
    }

    [Test]
    public void D_a_listing_holds_no_answer_to_another_request()
    {
        Leave(Loopback, NetlinkFlags.None);
        var sequence = _socket.NextSequence();
        _writer.Clear();
        RouteQueries.Links(_writer, sequence);
        var numbers = new List<uint>();
        _socket.Dump(_writer, sequence, "list links", (in NetlinkMessage message) => numbers.Add(message.Sequence));
        Assert.That(numbers, Is.Not.Empty.And.All.EqualTo(sequence));

        Leave(Missing, NetlinkFlags.None);
        sequence = _socket.NextSequence();
        _writer.Clear();
        RouteQueries.Links(_writer, sequence);
        Assert.That(() => _socket.Dump(_writer, sequence, "list links", (in NetlinkMessage _) => { }), Throws.Nothing,
            "the error is the former request's");
    }

    [Test]
    public void What_cannot_be_read_of_a_listing_is_told_after_its_end_and_the_next_one_is_whole()
    {
        var sequence = _socket.NextSequence();
        _writer.Clear();
        RouteQueries.Links(_writer, sequence);
        Assert.That(() => _socket.Dump(_writer, sequence, "list links",
            (in NetlinkMessage _) => throw new NetlinkFormatException("damaged")),
            Throws.TypeOf<NetlinkFormatException>().With.Message.EqualTo("damaged"));
        Assert.That(Ask(Loopback), Is.EqualTo(1), "nothing is left of it");
    }

    [Test]
    public void What_is_not_the_kernels_is_not_read()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Assert.Ignore("needs root: it sends to another's netlink socket");
        }
        // Another process's "acknowledgement" of the next request: error, number, ENODEV, the request's header.
        var forged = new byte[36];
        (forged[0], forged[4]) = (36, 2);
        BitConverter.TryWriteBytes(forged.AsSpan(8), 1u);
        BitConverter.TryWriteBytes(forged.AsSpan(16), -19);
        using var stranger = new Socket(new SafeSocketHandle(NetlinkCalls.Open(NetlinkFamily.Route), ownsHandle: true));
        var target = new byte[12];
        BitConverter.TryWriteBytes(target, (ushort)16);
        BitConverter.TryWriteBytes(target.AsSpan(4), _socket.PortId);
        Assert.That(SendTo((int)stranger.Handle, forged, forged.Length, 0, target, target.Length), Is.EqualTo((nint)forged.Length));
        Assert.That(() => Acknowledge(Loopback), Throws.Nothing);
    }

    [Test]
    public void Numbers_of_requests_go_round_without_zero()
    {
        _socket.ReserveSequences(int.MaxValue);
        _socket.ReserveSequences(int.MaxValue);
        Assert.That(new[] { _socket.NextSequence(), _socket.NextSequence(), _socket.NextSequence() },
            Is.EqualTo(new[] { uint.MaxValue, 1u, 2u }));
        _socket.ReserveSequences(int.MaxValue);
        _socket.ReserveSequences(int.MaxValue - 10);
        Assert.That(_socket.ReserveSequences(10), Is.EqualTo(1), "a batch does not wrap in its middle");
    }

    /// <summary>A request whose answer nobody reads.</summary>
    private void Leave(int index, NetlinkFlags more)
    {
        Write(_socket.NextSequence(), index, more);
        _socket.Send(_writer.Written, "leave an answer");
    }

    private void Acknowledge(int index)
    {
        var sequence = _socket.NextSequence();
        Write(sequence, index, NetlinkFlags.Ack);
        _socket.Acknowledge(_writer, sequence, $"acknowledge link {index}");
    }

    private int Ask(int index)
    {
        var (sequence, answers) = (_socket.NextSequence(), 0);
        Write(sequence, index, NetlinkFlags.None);
        _socket.Ask(_writer, sequence, $"ask for link {index}", (in NetlinkMessage _) => answers++);
        return answers;
    }

    private void Write(uint sequence, int index, NetlinkFlags more)
    {
        _writer.Clear();
        _writer.BeginMessage(RouteMessages.RTM_GETLINK, NetlinkFlags.Request | more, sequence);
        _writer.WriteStruct(new LinkHeader { Index = index });
        _writer.EndMessage();
    }

    [DllImport("libc", EntryPoint = "sendto", SetLastError = true)]
    private static extern nint SendTo(int socket, byte[] content, nint length, int flags, byte[] address, int addressLength);
}
