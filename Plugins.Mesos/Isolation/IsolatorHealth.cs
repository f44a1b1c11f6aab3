using Grpc.Core;
using Grpc.Health.V1;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Calico.Plugins.Mesos.Isolation;

/// <summary>grpc.health.v1: whether a container can be connected now; of the whole server ("") and of the isolator.</summary>
internal sealed class IsolatorHealth(IHostStatus host, IPluginLifetime lifetime, TimeProvider time) : Health.HealthBase
{
    private const string Service = "calico.mesos.v1.Isolator";

    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) => IsKnown(request)
        ? Task.FromResult(new HealthCheckResponse { Status = Current })
        : throw new RpcException(new(StatusCode.NotFound, $"there is no service '{request.Service}' here"));

    public override async Task Watch(HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream,
        ServerCallContext context)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.Draining);
        var told = ServingStatus.Unknown;
        try
        {
            while (true)
            {
                var now = IsKnown(request) ? Current : ServingStatus.ServiceUnknown;
                if (now != told)
                {
                    await responseStream.WriteAsync(new() { Status = told = now }, ended.Token);
                }

                await Task.Delay(LookAgain, time, ended.Token);
            }
        }
        catch (OperationCanceledException) when (lifetime.Draining.IsCancellationRequested)
        {
            throw IsolatorError.Draining();
        }
    }

    private ServingStatus Current =>
        host.CanConnect.Ready && !lifetime.Draining.IsCancellationRequested ? ServingStatus.Serving : ServingStatus.NotServing;

    private static bool IsKnown(HealthCheckRequest request) => request.Service is "" or Service;
}
