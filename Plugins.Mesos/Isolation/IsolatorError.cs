using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Grpc.Core;
using RpcStatus = Google.Rpc.Status;

namespace Calico.Plugins.Mesos.Isolation;

/// <summary>What an error is called over gRPC: a status, and google.rpc's details, which name the field.</summary>
internal static class IsolatorError
{
    private const string Domain = "calico.net";

    /// <summary>The contract's fields in the proto's words.</summary>
    private static readonly Dictionary<string, string> Words = new(StringComparer.Ordinal)
    {
        ["claim.exact"] = "network_infos.ip_addresses",
        ["exact"] = "network_infos.ip_addresses",
        ["claim"] = "network_infos.ip_addresses",
        ["claim.pools"] = "network_infos.pools",
        ["pools"] = "network_infos.pools",
        ["name"] = "network_infos.groups",
        ["placement.namespace"] = "pid",
        ["Ports"] = "network_infos.port_mappings",
    };

    /// <summary>For whatever came out of a call; null: nobody expected it.</summary>
    /// <param name="error">What was thrown.</param>
    /// <param name="limit">How long the call had.</param>
    public static RpcException? Of(Exception error, TimeSpan limit) => error switch
    {
        CalicoException e => Status(CodeOf(e.Problem), e.Message, e.Problem, e.Path),
        OperationCanceledException =>
            Status(Code.Unavailable, $"Calico did not answer within {limit.TotalSeconds:0} s; try again", Problem.Unavailable, null),
        _ => null,
    };

    public static RpcException Draining() =>
        Status(Code.Unavailable, "calico-host is stopping or being upgraded; try again", Problem.Unavailable, null);

    public static RpcException Unexpected(string call) =>
        Status(Code.Internal, $"{call} failed in a way nobody expected; calico-host's log has it", Problem.Damaged, null);

    private static RpcException Status(Code code, string message, Problem problem, string? path)
    {
        var status = new RpcStatus { Code = (int)code, Message = message };
        if (path is not null)
        {
            var field = path.StartsWith("Ports[", StringComparison.Ordinal) ? "network_infos.port_mappings"
                : Words.GetValueOrDefault(path, path);
            status.Details.Add(Any.Pack(new BadRequest { FieldViolations =
                { new BadRequest.Types.FieldViolation { Field = field, Description = message } } }));
        }

        status.Details.Add(Any.Pack(new ErrorInfo { Domain = Domain, Reason = problem.ToString().ToUpperInvariant() }));
        return status.ToRpcException();
    }

    private static Code CodeOf(Problem problem) => problem switch
    {
        Problem.Invalid => Code.InvalidArgument,
        Problem.NotFound => Code.NotFound,
        Problem.AlreadyExists => Code.AlreadyExists,
        Problem.Conflict => Code.Aborted,
        Problem.Exhausted => Code.ResourceExhausted,
        Problem.Unavailable => Code.Unavailable,
        Problem.Unsupported => Code.Unimplemented,
        Problem.Refused => Code.FailedPrecondition,
        _ => Code.DataLoss,
    };
}
