using Calico.Plugins.Mesos.Containers;
using Calico.Plugins.Mesos.V1;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Mesos.Isolation;

/// <summary>The gRPC edge: time, draining, timings, and one mapper of errors.</summary>
internal sealed partial class IsolatorService(MesosSettings settings, IsolatorCalls calls, ContainerWatch watch, ContainerLoading loading,
    IPluginLifetime lifetime, ICallTimings timings, TimeProvider time, ILogger<IsolatorService> log) : Isolator.IsolatorBase
{
    public override Task<RecoverResponse> Recover(RecoverRequest request, ServerCallContext context) =>
        RunAsync("recover", request.Agent, calls.RecoverAsync, request, context);

    public override Task<PrepareResponse> Prepare(PrepareRequest request, ServerCallContext context) =>
        RunAsync("prepare", NameOf(request.ContainerId), calls.PrepareAsync, request, context);

    public override Task<IsolateResponse> Isolate(IsolateRequest request, ServerCallContext context) =>
        RunAsync("isolate", NameOf(request.ContainerId), calls.IsolateAsync, request, context);

    public override Task<UpdateResponse> Update(UpdateRequest request, ServerCallContext context) =>
        RunAsync("update", NameOf(request.ContainerId), calls.UpdateAsync, request, context);

    public override Task<UsageResponse> Usage(UsageRequest request, ServerCallContext context) =>
        RunAsync("usage", NameOf(request.ContainerId), calls.UsageAsync, request, context);

    public override Task<StatusResponse> Status(StatusRequest request, ServerCallContext context) =>
        RunAsync("status", NameOf(request.ContainerId), calls.StatusAsync, request, context);

    public override Task<CleanupResponse> Cleanup(CleanupRequest request, ServerCallContext context) =>
        RunAsync("cleanup", NameOf(request.ContainerId), calls.CleanupAsync, request, context);

    public override Task<AllocateResponse> Allocate(AllocateRequest request, ServerCallContext context) =>
        RunAsync("allocate", request.Uid, calls.AllocateAsync, request, context);

    public override Task<ReserveResponse> Reserve(ReserveRequest request, ServerCallContext context) =>
        RunAsync("reserve", request.Uid, calls.ReserveAsync, request, context);

    public override Task<ReleaseResponse> Release(ReleaseRequest request, ServerCallContext context) =>
        RunAsync("release", request.Uid, calls.ReleaseAsync, request, context);

    public override async Task Watch(WatchRequest request, IServerStreamWriter<Limitation> responseStream, ServerCallContext context)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.Draining);
        try
        {
            await loading.WaitAsync(ended.Token);
            if (await watch.WatchAsync(MessageReader.Container(request.ContainerId), ended.Token) is { } limit)
            {
                var reason = limit.IsPolicy ? Limitation.Types.Reason.PolicyNotEnforced : Limitation.Types.Reason.InterfaceLost;
                await responseStream.WriteAsync(new() { Reason = reason, Message = limit.Reason, InterfaceName = limit.Interface },
                    ended.Token);
            }
        }
        catch (Exception) when (lifetime.Draining.IsCancellationRequested)
        {
            throw IsolatorError.Draining();
        }
        catch (CalicoException e)
        {
            throw IsolatorError.Of(e, settings.CallTime)!;
        }
    }

    private async Task<TResponse> RunAsync<TRequest, TResponse>(string call, string subject,
        Func<TRequest, CancellationToken, Task<TResponse>> run, TRequest request, ServerCallContext context)
    {
        if (lifetime.Draining.IsCancellationRequested)
        {
            throw IsolatorError.Draining();
        }

        using var timed = timings.Begin(call, subject, "wait");
        using var limit = new CancellationTokenSource(settings.CallTime, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, context.CancellationToken);
        try
        {
            await loading.WaitAsync(either.Token);
            var response = await run(request, either.Token);
            timed.Complete();
            return response;
        }
        catch (Exception e) when (IsolatorError.Of(e, settings.CallTime) is { } status)
        {
            Log.Refused(log, call, subject, status.Status.Detail);
            throw status;
        }
        catch (Exception e)
        {
            // The edge: the agent gets an answer, and the log what nobody expected.
            Log.Broke(log, call, subject, e);
            throw IsolatorError.Unexpected(call);
        }
    }

    private static string NameOf(ContainerID? id) => id?.Value ?? "";

    private static partial class Log
    {
        [LoggerMessage(7310, LogLevel.Warning, "{Call} of {Subject} was refused: {Reason}")]
        public static partial void Refused(ILogger log, string call, string subject, string reason);

        [LoggerMessage(7311, LogLevel.Error, "{Call} of {Subject} ended in an error nobody expected")]
        public static partial void Broke(ILogger log, string call, string subject, Exception error);
    }
}
