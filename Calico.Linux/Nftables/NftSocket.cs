using System.Collections.Immutable;
using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Transactions on, and listings of, the ruleset of one network namespace: that of the thread which opened the socket.</summary>
/// <remarks>Needs CAP_NET_ADMIN. Safe to call from any thread; requests go one after the other.</remarks>
public sealed partial class NftSocket : INftables
{
    /// <summary>A full load of 14,000 rules is 3.5 MB in one send; the kernel takes twice what is asked.</summary>
    private const int BufferBytes = 64 * 1024 * 1024;

    private readonly NetlinkSocket _socket;
    private readonly NetlinkWriter _query = new(256);

    /// <summary>Guards <see cref="_socket"/> and <see cref="_query"/>: an answer belongs to the request before it.</summary>
    private readonly Lock _exchange = new();

    private NftSocket(NetlinkSocket socket) => _socket = socket;

    /// <summary>Opens a socket in the network namespace of the calling thread.</summary>
    public static NftSocket Open(TimeSpan? receiveTimeout = null) =>
        new(NetlinkSocket.Open(NetlinkFamily.Netfilter, receiveTimeout, BufferBytes));

    /// <summary>For <see cref="NftChangeStream.IgnoreDoingsOf"/>.</summary>
    public uint PortId => _socket.PortId;

    /// <summary>Sends the batch in one sendmsg; on return all of it is in force.</summary>
    /// <param name="batch">The changes; an empty batch does nothing.</param>
    /// <param name="generation">If given, commit only if this is still the ruleset's generation.</param>
    /// <exception cref="NftCommitException">The kernel refused; nothing was applied.</exception>
    /// <exception cref="NetlinkException">The exchange failed: <see cref="Errno.MessageSize"/> the batch is too large, nothing was
    /// applied; <see cref="NetlinkOverrunException"/>, <see cref="NetlinkTimeoutException"/> not known.</exception>
    public void Commit(NftBatch batch, uint? generation = null) => Send(batch, generation, isCommitted: true);

    /// <summary>Asks whether the kernel would take the batch, as <c>nft --check</c> does: it examines every change and undoes them all, so
    /// the ruleset keeps its generation and nobody is told.</summary>
    /// <exception cref="NftCommitException">The kernel would refuse.</exception>
    /// <exception cref="NetlinkException">The exchange failed: nothing is known; nothing was applied.</exception>
    public void Check(NftBatch batch) => Send(batch, generation: null, isCommitted: false);

    private void Send(NftBatch batch, uint? generation, bool isCommitted)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.Count == 0)
        {
            return;
        }

        ImmutableArray<NftFailure> failures;
        lock (_exchange)
        {
            var begin = _socket.ReserveSequences(batch.Count + 2);
            _socket.Send(batch.Frame(begin, generation, isCommitted), Describe(batch, -1).ToString());
            failures = ReadAnswers(batch, begin);
        }

        if (!failures.IsEmpty)
        {
            throw new NftCommitException(failures);
        }
    }

    public void Dispose()
    {
        _socket.Dispose();
        _query.Dispose();
    }

    private static NftRequest Describe(NftBatch batch, int index) => index >= 0
        ? batch[index] : new NftRequest("commit", NftObjectKind.Transaction, batch[0].Table, "", "");

    /// <summary>Everything is queued before sendmsg returns. An error of the transaction as a whole carries the begin's number and stands
    /// before the last change's ack, so that ack alone, with nothing before it, is success.</summary>
    private ImmutableArray<NftFailure> ReadAnswers(NftBatch batch, uint begin)
    {
        var failures = ImmutableArray.CreateBuilder<NftFailure>();
        var what = Describe(batch, -1).ToString();
        var last = false;
        while (!last && failures.Count == 0)
        {
            last = ReadAnswers(_socket.Receive(what), batch, begin, failures);
        }

        if (failures.Count == 0)
        {
            return [];
        }

        while (_socket.TryReceive(what, out var datagram))
        {
            ReadAnswers(datagram, batch, begin, failures);
        }

        failures.Sort((a, b) => a.Index.CompareTo(b.Index));
        return failures.DrainToImmutable();
    }

    /// <summary>Returns whether the last change was answered.</summary>
    internal static bool ReadAnswers(ReadOnlySpan<byte> datagram, NftBatch batch, uint begin, ImmutableArray<NftFailure>.Builder failures)
    {
        var last = false;
        var reader = new NetlinkReader(datagram);
        while (reader.TryRead(out var message))
        {
            var index = (long)message.Sequence - begin - 1;
            if (message.Type != NetlinkMessage.Error || index < -1 || index > batch.Count)
            {
                continue;
            }

            last |= index == batch.Count - 1;
            var answer = KernelAnswer.Read(message);
            if (answer.Errno == 0)
            {
                continue;
            }

            var place = index == batch.Count ? -1 : (int)index;
            failures.Add(new NftFailure(place, Describe(batch, place), (Errno)answer.Errno, answer.Text));
        }

        return last;
    }
}
