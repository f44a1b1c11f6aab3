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
            StatusCode.InvalidArgument or StatusCode.OutOfRange => (Problem.Invalid, error),
            StatusCode.NotFound => (Problem.NotFound, error),
            StatusCode.FailedPrecondition or StatusCode.AlreadyExists => (Problem.AlreadyExists, error),
            StatusCode.PermissionDenied or StatusCode.Unauthenticated => (Problem.Refused, error),
            StatusCode.ResourceExhausted when Says(error, "space") => (Problem.Exhausted, error),
            StatusCode.Unimplemented => (Problem.Unsupported, error),
            StatusCode.DataLoss => (Problem.Damaged, error),
            _ => (Problem.Unavailable, error),
        };
        var detail = error.Status.DebugException?.GetBaseException().Message is { } cause && !Says(error, cause)
            ? $"{error.Status.Detail} ({cause})"
            : error.Status.Detail;
        return new CalicoException(problem, $"{doing} at {endpoint}: {error.StatusCode}: {detail}",
            problem == Problem.Invalid && inner is CompactedException ? "revision" : null, inner);
    }

    private static bool Says(RpcException error, string text) => error.Status.Detail.Contains(text, StringComparison.Ordinal);
}
