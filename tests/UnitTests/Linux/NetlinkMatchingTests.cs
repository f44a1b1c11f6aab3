using Calico.Linux.Netlink;
using Calico.Linux.Route;
using NUnit.Framework;

namespace Calico.UnitTests.Linux;

/// <summary>An answer belongs to the request whose number it carries, also when an earlier request's is still in the queue. Asks the kernel for
/// links of this namespace; changes nothing.</summary>
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
        Assert.That(() => Acknowledge(Missing), Throws.TypeOf<NetlinkException>().With.Property(nameof(NetlinkException.Errno)).EqualTo(Calico.Linux.Errno.NoDevice));
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
        Assert.That(() => _socket.Dump(_writer, sequence, "list links", (in NetlinkMessage _) => { }), Throws.Nothing, "the error is the former request's");
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
}
