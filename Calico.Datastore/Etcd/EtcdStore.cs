using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text;
using Calico.Datastore.Store;
using Etcdserverpb;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using KeyValue = Calico.Datastore.Store.KeyValue;

namespace Calico.Datastore.Etcd;

/// <summary>The store in an etcd v3 cluster, or in the embedded engine behind its socket.</summary>
/// <remarks>Nothing is connected before the first call. Reads are tried at every endpoint once; a write that may have been taken is
/// never sent twice. Calls have no time limit but their token; a peer that died silently is noticed within 15 s.</remarks>
public sealed partial class EtcdStore : IKeyValueStore
{
    private static readonly ByteString Open = ByteString.CopyFrom(0);

    private readonly EtcdSession _session;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: an endpoint or a certificate file is wrong.</exception>
    public EtcdStore(EtcdOptions options, TimeProvider time, ILogger logger)
    {
        _session = new EtcdSession(options, time);
        _time = time;
        _logger = logger;
    }

    public async Task<KeyValue?> GetAsync(string key, long revision, CancellationToken ct)
    {
        var request = new RangeRequest { Key = Bytes(key), Revision = Math.Max(0, revision) };
        var response = await RangeAsync($"get {key}", request, ct);
        return response.Kvs is [var found] ? ToKeyValue(found) : null;
    }

    public async Task<KeyRange> ListAsync(string prefix, long revision, CancellationToken ct)
    {
        var items = ImmutableArray.CreateBuilder<KeyValue>();
        await foreach (var page in PagesAsync(prefix, revision, ct))
        {
            items.AddRange(page.Items);
            revision = page.Revision;
        }

        return new KeyRange(items.ToImmutable(), revision);
    }

    public async IAsyncEnumerable<KeyRange> PagesAsync(string prefix, long revision, [EnumeratorCancellation] CancellationToken ct)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var paging = new RangePaging(Interval(prefix), Math.Max(0, revision));
        var ahead = RangeAsync($"list {prefix}", paging.Next(), ending.Token);
        try
        {
            while (ahead is not null)
            {
                RangeResponse page;
                try
                {
                    page = await ahead;
                }
                catch (CalicoException) when (paging.TryShrink())
                {
                    // Perhaps it was more than one message may hold.
                    ahead = RangeAsync($"list {prefix}", paging.Next(), ending.Token);
                    continue;
                }

                // The next one is on its way while the caller works.
                ahead = paging.Take(page) ? RangeAsync($"list {prefix}", paging.Next(), ending.Token) : null;
                yield return new KeyRange([.. page.Kvs.Select(ToKeyValue)], paging.Revision);
            }
        }
        finally
        {
            await ending.CancelAsync();
            await (ahead ?? Task.CompletedTask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public async Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct)
    {
        var request = new TxnRequest();
        request.Compare.AddRange(transaction.Compares.Select(ToCompare));
        request.Success.AddRange(transaction.Success.Select(ToOperation));
        request.Failure.AddRange(transaction.Failure.Select(ToOperation));
        var response = await _session.CallAsync($"transaction ({Describe(transaction)})", isRead: false,
            (invoker, options) => new KV.KVClient(invoker).TxnAsync(request, options), ct);
        return new StoreOutcome(response.Succeeded, response.Header.Revision, [.. response.Responses.Select(ToResult)]);
    }

    public async Task<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct)
    {
        var request = new LeaseGrantRequest { TTL = (long)Math.Ceiling(timeToLive.TotalSeconds) };
        var response = await _session.CallAsync("grant a lease", isRead: false,
            (invoker, options) => new Lease.LeaseClient(invoker).LeaseGrantAsync(request, options), ct);
        return response.ID;
    }

    public async Task<bool> KeepAliveAsync(long lease, CancellationToken ct)
    {
        var response = await _session.CallAsync($"keep lease {lease:x} alive", isRead: true,
            (invoker, options) => Unary(new Lease.LeaseClient(invoker).LeaseKeepAlive(options),
                new LeaseKeepAliveRequest { ID = lease }, options), ct);
        return response.TTL > 0;
    }

    public async Task RevokeLeaseAsync(long lease, CancellationToken ct)
    {
        try
        {
            // Ending it twice is the same as once.
            await _session.CallAsync($"revoke lease {lease:x}", isRead: true,
                (invoker, options) => new Lease.LeaseClient(invoker).LeaseRevokeAsync(new LeaseRevokeRequest { ID = lease }, options), ct);
        }
        catch (CalicoException error) when (error.Problem == Problem.NotFound)
        {
            // Expired or revoked: what was wanted.
        }
    }

    public ValueTask DisposeAsync()
    {
        _session.Dispose();
        return ValueTask.CompletedTask;
    }

    private Task<RangeResponse> RangeAsync(string doing, RangeRequest request, CancellationToken ct) =>
        _session.CallAsync(doing, isRead: true,
        (invoker, options) => new KV.KVClient(invoker).RangeAsync(request, options), ct);

    /// <summary>One question and one answer over a stream, so that it is retried and mapped like every other call.</summary>
    private static AsyncUnaryCall<LeaseKeepAliveResponse> Unary(
        AsyncDuplexStreamingCall<LeaseKeepAliveRequest, LeaseKeepAliveResponse> stream,
        LeaseKeepAliveRequest request, CallOptions options) => new(AskAsync(stream, request, options.CancellationToken),
        stream.ResponseHeadersAsync, stream.GetStatus, stream.GetTrailers, stream.Dispose);

    private static async Task<LeaseKeepAliveResponse> AskAsync(
        AsyncDuplexStreamingCall<LeaseKeepAliveRequest, LeaseKeepAliveResponse> stream,
        LeaseKeepAliveRequest request, CancellationToken ct)
    {
        await stream.RequestStream.WriteAsync(request, ct);
        if (!await stream.ResponseStream.MoveNext(ct))
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "the stream ended without an answer"));
        }

        var response = stream.ResponseStream.Current;
        await stream.RequestStream.CompleteAsync();
        return response;
    }

    private static Compare ToCompare(StoreCompare compare)
    {
        var result = new Compare
        {
            Key = Bytes(compare.Key),
            Result = compare.Result switch
            {
                CompareResult.Equal => Compare.Types.CompareResult.Equal,
                CompareResult.Greater => Compare.Types.CompareResult.Greater,
                CompareResult.Less => Compare.Types.CompareResult.Less,
                _ => Compare.Types.CompareResult.NotEqual,
            },
        };
        switch (compare.Target)
        {
            case CompareTarget.Version:
                (result.Target, result.Version) = (Compare.Types.CompareTarget.Version, compare.Number);
                break;
            case CompareTarget.CreateRevision:
                (result.Target, result.CreateRevision) = (Compare.Types.CompareTarget.Create, compare.Number);
                break;
            case CompareTarget.ModRevision:
                (result.Target, result.ModRevision) = (Compare.Types.CompareTarget.Mod, compare.Number);
                break;
            case CompareTarget.Lease:
                (result.Target, result.Lease) = (Compare.Types.CompareTarget.Lease, compare.Number);
                break;
            default:
                (result.Target, result.Value) = (Compare.Types.CompareTarget.Value, ByteString.CopyFrom(compare.Value.Span));
                break;
        }

        return result;
    }

    private static RequestOp ToOperation(StoreOperation operation) => operation switch
    {
        StoreOperation.Put put => new RequestOp
        {
            RequestPut = new PutRequest { Key = Bytes(put.Key), Value = ByteString.CopyFrom(put.Value.Span), Lease = put.Lease },
        },
        StoreOperation.Delete delete => new RequestOp
        {
            RequestDeleteRange = new DeleteRangeRequest { Key = Bytes(delete.Key), PrevKv = true },
        },
        StoreOperation.DeletePrefix delete => new RequestOp { RequestDeleteRange = ToDeletePrefix(delete.Prefix) },
        StoreOperation.Get get => new RequestOp { RequestRange = new RangeRequest { Key = Bytes(get.Key) } },
        _ => throw new CalicoException(Problem.Invalid, $"transaction: no such operation: {operation.GetType().Name}"),
    };

    private static DeleteRangeRequest ToDeletePrefix(string prefix)
    {
        var (start, end) = Interval(prefix);
        return new DeleteRangeRequest { Key = start, RangeEnd = end, PrevKv = true };
    }

    private static ImmutableArray<KeyValue> ToResult(ResponseOp response) => response.ResponseCase switch
    {
        ResponseOp.ResponseOneofCase.ResponseRange => [.. response.ResponseRange.Kvs.Select(ToKeyValue)],
        ResponseOp.ResponseOneofCase.ResponseDeleteRange => [.. response.ResponseDeleteRange.PrevKvs.Select(ToKeyValue)],
        _ => [],
    };

    private static KeyValue ToKeyValue(Mvccpb.KeyValue item) =>
        new(item.Key.ToStringUtf8(), item.Value.Memory, item.CreateRevision, item.ModRevision, item.Version, item.Lease);

    private static string Describe(StoreTransaction transaction) => string.Join(", ", transaction.Success.Take(3).Select(o => o switch
    {
        StoreOperation.Put put => $"put {put.Key}",
        StoreOperation.Delete delete => $"delete {delete.Key}",
        StoreOperation.DeletePrefix delete => $"delete {delete.Prefix}*",
        StoreOperation.Get get => $"get {get.Key}",
        _ => "",
    })) + (transaction.Success.Length > 3 ? ", ..." : "");

    private static ByteString Bytes(string key) => key.Length > 0 ? ByteString.CopyFromUtf8(key)
        : throw new CalicoException(Problem.Invalid, "a key is empty", "key");

    private static (ByteString Start, ByteString End) Interval(string prefix)
    {
        if (prefix.Length == 0)
        {
            return (Open, Open);
        }

        // UTF-8 has no byte 0xff, so the last one can always be raised.
        var end = Encoding.UTF8.GetBytes(prefix);
        end[^1]++;
        return (ByteString.CopyFromUtf8(prefix), ByteString.CopyFrom(end));
    }
}
