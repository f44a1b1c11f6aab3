using Calico.Linux.Netlink;
using Microsoft.Win32.SafeHandles;

namespace Calico.Linux.Route;

/// <summary>Requests that go to the kernel in one sendmsg, in order, each acknowledged.</summary>
/// <remarks>
/// Not a transaction: the kernel carries on after a failure, and what succeeded stands. The outcome says which did, so that the
/// caller can undo. Not thread-safe; <see cref="Clear"/> makes it ready for reuse.
/// </remarks>
public sealed partial class RouteBatch : IDisposable
{
    private readonly NetlinkWriter _writer = new();
    private readonly List<Request> _requests = [];

    /// <summary>Descriptors whose numbers are in the messages: held so that they cannot be collected and their numbers reused.</summary>
    private readonly List<SafeFileHandle> _held = [];

    /// <summary>Number of requests.</summary>
    public int Count => _requests.Count;

    internal ReadOnlySpan<byte> Written => _writer.Written;

    public void Clear()
    {
        _writer.Clear();
        _requests.Clear();
        _held.Clear();
    }

    public void Dispose() => _writer.Dispose();

    /// <summary>What the request at <paramref name="index"/> asks for, with its object.</summary>
    public string Describe(int index) => _requests[index].Description;

    internal int OffsetOf(int index) => index == _requests.Count ? _writer.Length : _requests[index].Offset;

    /// <summary>Gives the requests sequence numbers <paramref name="first"/>, +1, ...</summary>
    internal void Number(uint first)
    {
        for (var i = 0; i < _requests.Count; i++)
        {
            _writer.SetSequence(_requests[i].Offset, first + (uint)i);
        }
    }

    /// <summary>Of the requests that go in one send only the last is to be acknowledged.</summary>
    internal void AcknowledgeOnly(int start, int end)
    {
        for (var i = start; i < end; i++)
        {
            _writer.SetAck(_requests[i].Offset, i == end - 1);
        }
    }

    private void Begin(ushort type, NetlinkFlags flags, string description)
    {
        var offset = _writer.Length;
        _writer.BeginMessage(type, NetlinkFlags.Request | NetlinkFlags.Ack | flags, 0);
        _requests.Add(new Request(offset, description));
    }

    private void End() => _writer.EndMessage();

    private readonly record struct Request(int Offset, string Description);
}
