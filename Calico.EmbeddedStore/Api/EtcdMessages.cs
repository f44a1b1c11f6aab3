using Calico.Datastore.Store;
using Calico.EmbeddedStore.Engine;
using Google.Protobuf;
using Grpc.Core;
using Wire = Calico.EmbeddedStore.Api.Wire;

namespace Calico.EmbeddedStore.Api;

/// <summary>etcd's messages to the engine's terms and back.</summary>
internal static class EtcdMessages
{
    public const int MaxRequestBytes = 2 << 20;

    public static Wire.ResponseHeader Header(EmbeddedEngine engine, long revision) => new()
    {
        ClusterId = engine.StoreId,
        MemberId = engine.StoreId,
        Revision = revision,
        RaftTerm = 1,
    };

    public static Wire.KeyValue ToWire(KeyVersion version, bool keysOnly = false) => new()
    {
        Key = UnsafeByteOperations.UnsafeWrap(version.Key),
        Value = keysOnly ? ByteString.Empty : UnsafeByteOperations.UnsafeWrap(version.Value),
        CreateRevision = version.CreateRevision,
        ModRevision = version.ModRevision,
        Version = version.Version,
        Lease = version.Lease,
    };

    public static Wire.Event ToEvent(KeyVersion version, bool withPrevious)
    {
        var change = new Wire.Event
        {
            Type = version.IsDeletion ? Wire.Event.Types.EventType.Delete : Wire.Event.Types.EventType.Put,
            Kv = ToWire(version),
        };
        if (withPrevious && version.Previous is { IsDeletion: false } previous)
        {
            change.PrevKv = ToWire(previous);
        }

        return change;
    }

    public static KeyInterval ToInterval(ByteString key, ByteString end) => new(key.ToByteArray(), end.ToByteArray());

    public static EngineOperation.Range ToRange(Wire.RangeRequest request) => new(new RangeQuery(
        ToInterval(request.Key, request.RangeEnd), request.Revision, request.Limit, request.CountOnly, ToSort(request), ToFilter(request)));

    public static EngineOperation.Put ToPut(Wire.PutRequest request)
    {
        if ((request.IgnoreValue && !request.Value.IsEmpty) || (request.IgnoreLease && request.Lease != 0))
        {
            throw new CalicoException(Problem.Invalid, "put: a value or lease is given and to be ignored");
        }

        return new EngineOperation.Put(request.Key.ToByteArray(), request.Value.ToByteArray(), request.Lease, request.IgnoreValue,
            request.IgnoreLease);
    }

    public static EngineOperation.Delete ToDelete(Wire.DeleteRangeRequest request) => new(ToInterval(request.Key, request.RangeEnd));

    public static EngineTransaction ToTransaction(Wire.TxnRequest request) => new(
        [.. request.Compare.Select(ToCompare)], [.. request.Success.Select(ToOperation)], [.. request.Failure.Select(ToOperation)]);

    public static Wire.RangeResponse ToResponse(Wire.RangeRequest request, OperationResult result, Wire.ResponseHeader? header = null)
    {
        var response = new Wire.RangeResponse { Header = header, Count = result.Count, More = result.More };
        response.Kvs.AddRange(result.Versions.Select(v => ToWire(v, request.KeysOnly)));
        return response;
    }

    public static Wire.PutResponse ToResponse(Wire.PutRequest request, OperationResult result, Wire.ResponseHeader? header = null) => new()
    {
        Header = header,
        PrevKv = request.PrevKv && result.Versions is [var previous] ? ToWire(previous) : null,
    };

    public static Wire.DeleteRangeResponse ToResponse(Wire.DeleteRangeRequest request, OperationResult result,
        Wire.ResponseHeader? header = null)
    {
        var response = new Wire.DeleteRangeResponse { Header = header, Deleted = result.Count };
        if (request.PrevKv)
        {
            response.PrevKvs.AddRange(result.Versions.Select(v => ToWire(v)));
        }

        return response;
    }

    public static Wire.ResponseOp ToResponse(Wire.RequestOp request, OperationResult result, Wire.ResponseHeader header) =>
        request.RequestCase switch
        {
            Wire.RequestOp.RequestOneofCase.RequestRange => new() { ResponseRange = ToResponse(request.RequestRange, result, header) },
            Wire.RequestOp.RequestOneofCase.RequestPut => new() { ResponsePut = ToResponse(request.RequestPut, result, header) },
            _ => new() { ResponseDeleteRange = ToResponse(request.RequestDeleteRange, result, header) },
        };

    /// <summary>The one mapper from our errors to gRPC's; texts that etcd clients look for are etcd's.</summary>
    public static RpcException ToRpc(CalicoException error) => error.InnerException is CompactedException
        ? new RpcException(new Status(StatusCode.OutOfRange, "etcdserver: mvcc: required revision has been compacted"))
        : new RpcException(new Status(error.Problem switch
        {
            Problem.NotFound => StatusCode.NotFound,
            Problem.AlreadyExists => StatusCode.FailedPrecondition,
            Problem.Exhausted => StatusCode.ResourceExhausted,
            Problem.Unavailable or Problem.Conflict => StatusCode.Unavailable,
            Problem.Unsupported => StatusCode.Unimplemented,
            Problem.Refused => StatusCode.PermissionDenied,
            Problem.Damaged => StatusCode.DataLoss,
            _ when error.Path == "revision" => StatusCode.OutOfRange,
            _ => StatusCode.InvalidArgument,
        }, $"etcdserver: {error.Message}"));

    /// <summary>Answers a call; an error of ours becomes gRPC's.</summary>
    public static async Task<T> AnswerAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (CalicoException error)
        {
            throw ToRpc(error);
        }
    }

    private static EngineCompare ToCompare(Wire.Compare compare) => new(
        ToInterval(compare.Key, compare.RangeEnd),
        compare.Target switch
        {
            Wire.Compare.Types.CompareTarget.Version => CompareTarget.Version,
            Wire.Compare.Types.CompareTarget.Create => CompareTarget.CreateRevision,
            Wire.Compare.Types.CompareTarget.Mod => CompareTarget.ModRevision,
            Wire.Compare.Types.CompareTarget.Value => CompareTarget.Value,
            Wire.Compare.Types.CompareTarget.Lease => CompareTarget.Lease,
            _ => throw new CalicoException(Problem.Invalid, $"transaction: no such target: {compare.Target}"),
        },
        compare.Result switch
        {
            Wire.Compare.Types.CompareResult.Equal => CompareResult.Equal,
            Wire.Compare.Types.CompareResult.Greater => CompareResult.Greater,
            Wire.Compare.Types.CompareResult.Less => CompareResult.Less,
            Wire.Compare.Types.CompareResult.NotEqual => CompareResult.NotEqual,
            _ => throw new CalicoException(Problem.Invalid, $"transaction: no such comparison: {compare.Result}"),
        },
        compare.TargetUnionCase switch
        {
            Wire.Compare.TargetUnionOneofCase.Version => compare.Version,
            Wire.Compare.TargetUnionOneofCase.CreateRevision => compare.CreateRevision,
            Wire.Compare.TargetUnionOneofCase.ModRevision => compare.ModRevision,
            Wire.Compare.TargetUnionOneofCase.Lease => compare.Lease,
            _ => 0,
        },
        compare.TargetUnionCase == Wire.Compare.TargetUnionOneofCase.Value ? compare.Value.ToByteArray() : default);

    private static EngineOperation ToOperation(Wire.RequestOp operation) => operation.RequestCase switch
    {
        Wire.RequestOp.RequestOneofCase.RequestRange => ToRange(operation.RequestRange),
        Wire.RequestOp.RequestOneofCase.RequestPut => ToPut(operation.RequestPut),
        Wire.RequestOp.RequestOneofCase.RequestDeleteRange => ToDelete(operation.RequestDeleteRange),
        Wire.RequestOp.RequestOneofCase.RequestTxn =>
            throw new CalicoException(Problem.Unsupported, "transaction: transactions inside transactions are not supported"),
        _ => throw new CalicoException(Problem.Invalid, "transaction: an operation is empty"),
    };

    private static Comparison<KeyVersion>? ToSort(Wire.RangeRequest request)
    {
        var (target, order) = (request.SortTarget, request.SortOrder);
        if (target == Wire.RangeRequest.Types.SortTarget.Key && order != Wire.RangeRequest.Types.SortOrder.Descend)
        {
            return null;
        }

        Comparison<KeyVersion> ascending = target switch
        {
            Wire.RangeRequest.Types.SortTarget.Version => static (a, b) => a.Version.CompareTo(b.Version),
            Wire.RangeRequest.Types.SortTarget.Create => static (a, b) => a.CreateRevision.CompareTo(b.CreateRevision),
            Wire.RangeRequest.Types.SortTarget.Mod => static (a, b) => a.ModRevision.CompareTo(b.ModRevision),
            Wire.RangeRequest.Types.SortTarget.Value => static (a, b) => a.Value.AsSpan().SequenceCompareTo(b.Value),
            _ => static (a, b) => a.Key.AsSpan().SequenceCompareTo(b.Key),
        };
        return order == Wire.RangeRequest.Types.SortOrder.Descend ? (a, b) => ascending(b, a) : ascending;
    }

    private static Predicate<KeyVersion>? ToFilter(Wire.RangeRequest request)
    {
        var (minMod, maxMod) = (request.MinModRevision, request.MaxModRevision);
        var (minCreate, maxCreate) = (request.MinCreateRevision, request.MaxCreateRevision);
        return (minMod | maxMod | minCreate | maxCreate) == 0 ? null
            : v => v.ModRevision >= minMod && v.CreateRevision >= minCreate
                && (maxMod == 0 || v.ModRevision <= maxMod) && (maxCreate == 0 || v.CreateRevision <= maxCreate);
    }
}
