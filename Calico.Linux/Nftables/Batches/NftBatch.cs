using System.Buffers.Binary;
using System.Globalization;
using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Changes that the kernel applies together or not at all, in order.</summary>
/// <remarks>
/// "Add" makes a thing or leaves it as it is; it is an error only if it is there with other content. Names may refer to what an earlier
/// change of the same batch makes. Not thread-safe; <see cref="Clear"/> makes it ready for reuse, and a batch that failed may be
/// committed again.
/// </remarks>
public sealed partial class NftBatch : IDisposable
{
    /// <summary>Length of BATCH_BEGIN: header and nfgenmsg, and with a generation one attribute more.</summary>
    private const int PlainBeginLength = 20;
    private const int PinnedBeginLength = 28;

    private readonly NetlinkWriter _writer = new(16 * 1024);
    private readonly List<Request> _requests = [];
    private uint _lastSetId;

    public NftBatch() => ReserveBegin();

    /// <summary>Number of messages.</summary>
    public int Count => _requests.Count;

    /// <summary>Bytes so far.</summary>
    public int Length => _writer.Length;

    public void Clear()
    {
        _writer.Clear();
        _requests.Clear();
        _lastSetId = 0;
        ReserveBegin();
    }

    public void Dispose() => _writer.Dispose();

    /// <summary>The change at <paramref name="index"/>.</summary>
    public NftRequest this[int index] => _requests[index].Description;

    /// <summary>The whole transaction as it is sent: begin with <paramref name="sequence"/>, the changes with the numbers after it, end.
    /// </summary>
    /// <remarks>Without <paramref name="isCommitted"/> the end is left out, and the kernel undoes what it examined.</remarks>
    internal ReadOnlySpan<byte> Frame(uint sequence, uint? generation, bool isCommitted = true)
    {
        var body = _writer.Length;
        for (var i = 0; i < _requests.Count; i++)
        {
            // One ack for all, of the last: refused changes answer by themselves. A batch framed before may have grown since.
            _writer.SetSequence(_requests[i].Offset, sequence + 1 + (uint)i);
            _writer.SetAck(_requests[i].Offset, i == _requests.Count - 1);
        }

        if (isCommitted)
        {
            _writer.BeginMessage(NftMessages.NFNL_MSG_BATCH_END, NetlinkFlags.Request, sequence + 1 + (uint)_requests.Count);
            _writer.WriteStruct(BatchHeader());
            _writer.EndMessage();
        }

        // The begin is written last, into the space kept in front, because its length depends on the generation.
        var start = generation is null ? PinnedBeginLength - PlainBeginLength : 0;
        _writer.OverwriteMessage(start, writer =>
        {
            writer.BeginMessage(NftMessages.NFNL_MSG_BATCH_BEGIN, NetlinkFlags.Request, sequence);
            writer.WriteStruct(BatchHeader());
            if (generation is { } pinned)
            {
                writer.WriteU32BigEndian(NftMessages.NFNL_BATCH_GENID, pinned);
            }

            writer.EndMessage();
        });
        var framed = _writer.Written[start..];
        _writer.Truncate(body);
        return framed;
    }

    private static NetfilterHeader BatchHeader() => new()
    {
        Resource = BitConverter.IsLittleEndian
            ? BinaryPrimitives.ReverseEndianness((ushort)NftMessages.NFNL_SUBSYS_NFTABLES) : NftMessages.NFNL_SUBSYS_NFTABLES,
    };

    private static string HandleText(ulong handle) => string.Create(CultureInfo.InvariantCulture, $"handle {handle}");

    private void ReserveBegin() => _writer.Reserve(PinnedBeginLength);

    private void Begin(ushort message, NetlinkFlags flags, NftRequest description)
    {
        var offset = _writer.Length;
        _writer.BeginMessage(NftMessages.Type(message), NetlinkFlags.Request | flags, 0);
        _writer.WriteStruct(new NetfilterHeader { Family = (byte)description.Table.Family });
        _requests.Add(new Request(offset, description));
    }

    private void End() => _writer.EndMessage();

    /// <summary>Takes back the change that is being written: its content turned out not to fit.</summary>
    private void Abandon()
    {
        _writer.AbandonMessage();
        _requests.RemoveAt(_requests.Count - 1);
    }

    private readonly record struct Request(int Offset, NftRequest Description);
}
