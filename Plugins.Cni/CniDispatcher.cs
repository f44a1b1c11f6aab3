using System.Net.Sockets;
using Calico.Plugins.Cni.Protocol;
using Calico.Plugins.Cni.Verbs;
using Calico.Shim.Wire;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Calico.Plugins.Cni;

/// <summary>One call from request to reply: the top frame, where every error becomes CNI's.</summary>
internal sealed partial class CniDispatcher(CniSettings settings, CniVerbs verbs, TimeProvider time, ILogger<CniDispatcher> log)
{
    private static readonly CallOutcome Silence = new(new(0, ReadOnlyMemory<byte>.Empty));

    /// <param name="shim">What the shim sent.</param>
    /// <param name="networkNamespace">The caller's; disposed by whoever adopts it, and by the caller.</param>
    /// <param name="delegates">The way to other plugins.</param>
    /// <param name="timed">Counts where its time goes; null: nobody does.</param>
    /// <param name="ct">The server's end, or the caller's; the call's own budget is set here.</param>
    public async Task<CallOutcome> HandleAsync(ShimRequest shim, SafeFileHandle? networkNamespace, IDelegateRunner delegates,
        ITimedCall? timed,
        CancellationToken ct)
    {
        timed?.Enter("parse");
        var version = NetworkConfiguration.VersionIn(shim.Input);
        var verb = shim["CNI_COMMAND"] ?? "";
        using var budget = new CancellationTokenSource(settings.CallBudget, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(budget.Token, ct);
        try
        {
            var call = CniCall.From(shim);
            if (verb == ShimRequest.TestVerb)
            {
                verbs.Status.Test();
                return Silence;
            }

            var configuration = verb == "DEL" ? NetworkConfiguration.ParseForDelete(shim.Input) : NetworkConfiguration.Parse(shim.Input);
            var request = new CniRequest(call, configuration, shim.Input, networkNamespace, delegates, timed);
            return await RunAsync(request, either.Token);
        }
        catch (OperationCanceledException) when (budget.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            var error = new CniError(CniCode.TryAgainLater,
                $"{verb} was not done within {settings.CallBudget.TotalSeconds:0} s; try again later", "");
            Log.Failed(log, verb, shim["CNI_CONTAINERID"] ?? "", error.Code, error.Message, "");
            return new(new ShimReply(1, error.ToJson(version)));
        }
        catch (Exception e)
        {
            var error = CniError.From(e, verb);
            // The last two: the shim has gone in the middle of a delegate's call.
            if (e is CniException or CalicoException or OperationCanceledException or WireFormatException or SocketException)
            {
                Log.Failed(log, verb, shim["CNI_CONTAINERID"] ?? "", error.Code, error.Message, error.Details);
            }
            else
            {
                Log.Broke(log, e, verb, shim["CNI_CONTAINERID"] ?? "");
            }

            return new(new ShimReply(1, error.ToJson(version)));
        }
    }

    private async Task<CallOutcome> RunAsync(CniRequest request, CancellationToken ct)
    {
        switch (request.Call.Role, request.Call.Verb)
        {
            case (ShimRole.Network, "ADD"):
                return Printed(await verbs.Add.RunAsync(request, ct), request);
            case (ShimRole.Network, "DEL"):
                await verbs.Del.RunAsync(request, ct);
                return Silence;
            case (ShimRole.Network, "CHECK"):
                await verbs.Check.RunAsync(request, ct);
                return Silence;
            case (ShimRole.Network, "GC"):
                await verbs.Gc.RunAsync(request, ct);
                return Silence;
            case (ShimRole.Ipam, "ADD"):
                return Printed(await verbs.Ipam.AddAsync(request, ct), request);
            case (ShimRole.Ipam, "DEL"):
                await verbs.Ipam.DeleteAsync(request, ct);
                return Silence;
            case (ShimRole.Ipam, "CHECK"):
                await verbs.Ipam.CheckAsync(request, ct);
                return Silence;
            case (ShimRole.Ipam, "GC"):
                await verbs.Ipam.CollectAsync(request, ct);
                return Silence;
            case (ShimRole.Network or ShimRole.Ipam, "STATUS"):
                await verbs.Status.RunAsync(request, ct);
                return Silence;
            default:
                throw new CniException(CniCode.Calico, $"role {request.Call.Role} is not served by this adapter");
        }
    }

    private static CallOutcome Printed((CniResult Result, Func<CancellationToken, Task>? Undo) added, CniRequest request) =>
        new(new ShimReply(0, CniResultWriter.Write(added.Result, request.Configuration.Version)), added.Undo);

    private static partial class Log
    {
        [LoggerMessage(7040, LogLevel.Warning, "{Verb} of container {Container} failed with code {Code}: {Reason} {Details}")]
        public static partial void Failed(ILogger log, string verb, string container, int code, string reason, string details);

        [LoggerMessage(7041, LogLevel.Error, "{Verb} of container {Container} met an error nobody expected")]
        public static partial void Broke(ILogger log, Exception error, string verb, string container);
    }
}
