using System.Net.Sockets;
using Calico.Datastore.Store;
using Grpc.Core;

namespace Calico.Datastore.Etcd;

/// <summary>The one mapper from what etcd and the connection say to our errors.</summary>
internal static class EtcdErrors
{
    /// <summary>Whether the store did not answer, rather than refused.</summary>
    public static bool IsSilence(RpcException error) => error.StatusCode is StatusCode.Unavailable or StatusCode.Internal
        or StatusCode.Unknown or StatusCode.Cancelled or StatusCode.Aborted or StatusCode.DeadlineExceeded;

    /// <summary>Whether the request certainly never left: there was no connection.</summary>
    public static bool WasNeverSent(RpcException error) => error.Status.DebugException is HttpRequestException
    {
        HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError
            or HttpRequestError.SecureConnectionError,
    };

    /// <summary>Whether a fresh token may help. etcd forgets simple tokens when it restarts and all tokens when roles change.</summary>
    public static bool IsStaleToken(RpcException error) => error.StatusCode == StatusCode.Unauthenticated
        || (error.StatusCode == StatusCode.InvalidArgument
            && (Says(error, "revision of auth store is old") || Says(error, "user name is empty")));

    public static CalicoException Map(string doing, string endpoint, RpcException error)
    {
        var (problem, inner) = error.StatusCode switch
        {
            StatusCode.OutOfRange when Says(error, "compacted") => (Problem.Invalid, (Exception)new CompactedException(0)),
            StatusCode.InvalidArgument when IsStaleToken(error) || Says(error, "authentication failed") =>
                (Problem.Unavailable, new StoreRefusedException(error)),
            StatusCode.InvalidArgument or StatusCode.OutOfRange => (Problem.Invalid, error),
            StatusCode.NotFound => (Problem.NotFound, error),
            StatusCode.AlreadyExists => (Problem.AlreadyExists, error),
            StatusCode.FailedPrecondition when Says(error, "already exists") => (Problem.AlreadyExists, error),
            // gRPC's own limit on the size of a message: the request may have been done.
            StatusCode.ResourceExhausted when Says(error, "message") => (Problem.Unavailable, error),
            _ when IsRefusal(error) => (Problem.Unavailable, new StoreRefusedException(error)),
            StatusCode.Unimplemented => (Problem.Unsupported, error),
            StatusCode.DataLoss => (Problem.Damaged, error),
            _ => (Problem.Unavailable, error),
        };
        var detail = error.Status.DebugException?.GetBaseException() switch
        {
            // What the layers between say of it is about themselves.
            SocketException socket => ConnectionFailure.Describe(socket),
            { } cause when !Says(error, cause.Message) => $"{error.Status.Detail} ({cause.Message})",
            _ => error.Status.Detail,
        };
        return new CalicoException(problem, $"{doing} at {endpoint}: {error.StatusCode}: {detail}{WhatToDo(error)}",
            problem == Problem.Invalid && inner is CompactedException ? "revision" : null, inner);
    }

    /// <summary>Whether etcd answered that it does not do such a thing now: full, busy, a member that may not, not for this user. It is as
    /// a store that is away, but nothing was done.</summary>
    private static bool IsRefusal(RpcException error) => error.StatusCode is StatusCode.ResourceExhausted or StatusCode.PermissionDenied
        or StatusCode.Unauthenticated or StatusCode.FailedPrecondition
        || (error.StatusCode == StatusCode.Unavailable && Says(error, "not supported for learner"));

    private static string WhatToDo(RpcException error) =>
        error.StatusCode == StatusCode.ResourceExhausted && Says(error, "space")
            ? ". etcd is full (alarm NOSPACE) and takes no writes: compact and defragment it or raise its quota, then etcdctl alarm disarm"
        : error.StatusCode == StatusCode.PermissionDenied ? ". Give this etcd user read and write access to /calico"
        : error.StatusCode == StatusCode.Unauthenticated
        || Says(error, "authentication failed") ? ". Look at the etcd user and password that are set here"
        : "";

    private static bool Says(RpcException error, string text) => error.Status.Detail.Contains(text, StringComparison.Ordinal);
}
