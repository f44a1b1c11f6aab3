using Calico.Host.Node;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>Makes the datastore know this node, and that its host runs. With a store that is away the start goes on, and it is tried again.
/// </summary>
internal sealed class RegistrationStage(NodeMembership membership, HostHeartbeat heartbeat, DatastoreKind datastore, HostBasis basis)
    : IHostStage
{
    private readonly HostLoops _loops = new(basis.Health, basis.Loggers.CreateLogger<RegistrationStage>());

    public string Name => "registration";

    public string Doing => $"the datastore ({datastore.Name}) does not answer yet";

    public Task StartAsync(CancellationToken ct)
    {
        _loops.Run("heartbeat", heartbeat.RunAsync);
        return membership.BeginAsync(ct);
    }

    public Task StopAsync(CancellationToken ct) => _loops.StopAsync();
}
