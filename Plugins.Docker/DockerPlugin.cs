using Calico;
using Calico.Plugins.Docker.Addresses;
using Calico.Plugins.Docker.Daemon;
using Calico.Plugins.Docker.Endpoints;
using Calico.Plugins.Docker.Networks;
using Calico.Plugins.Docker.Serving;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

[assembly: CalicoContract(1, 0)]

namespace Calico.Plugins.Docker;

/// <summary>The adapter for Docker: libnetwork's remote drivers for networks and for addresses.</summary>
public sealed class DockerPlugin : IOrchestratorPlugin
{
    /// <summary>More than a burst of dockerd's: a daemon that restarts a hundred containers calls for all of them at once.</summary>
    private const int Backlog = 1024;

    /// <inheritdoc/>
    public string Name => "docker";

    /// <inheritdoc/>
    public void Configure(IPluginBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var settings = builder.Settings<DockerSettings>();
        settings.Check();
        Listen(builder, PluginServer.Network, settings.NetworkSocket);
        Listen(builder, PluginServer.Ipam, settings.IpamSocket);
        AddDocker(builder.Services, settings);
    }

    private static void Listen(IPluginBuilder builder, string name, string path) =>
        builder.Listen(new(name, path, UnixFileMode.UserRead | UnixFileMode.UserWrite, Backlog));

    /// <summary>In the order a call takes.</summary>
    internal static IServiceCollection AddDocker(IServiceCollection services, DockerSettings settings) => services
        .AddSingleton(settings)
        .AddHostedService<PluginServer>()
        .AddSingleton<PluginApplication>()
        .AddSingleton<CallingProcess>()
        .AddSingleton<CallTable>()
        .AddSingleton<AddressCalls>()
        .AddSingleton<PoolCalls>()
        .AddSingleton<FreedAddresses>()
        .AddSingleton<NetworkCalls>()
        .AddSingleton<NetworkBook>()
        .AddSingleton<NetworkAdoption>()
        .AddSingleton<EndpointCalls>()
        .AddSingleton<JoinCalls>()
        .AddSingleton<PortCalls>()
        .AddSingleton<UnjoinedEndpoints>()
        .AddSingleton<IDockerDaemon, DockerApi>()
        .AddSingleton<LabelMeter>()
        .AddSingleton<LabelWriter>()
        .AddSingleton<DaemonFollower>()
        .AddHostedService(provider => provider.GetRequiredService<DaemonFollower>())
        .AddSingleton<EndpointRemoval>()
        .AddSingleton<DaemonWitness>()
        .AddSingleton<LeaseSweep>()
        .AddSingleton<ILiveWorkloads, LiveContainers>()
        .AddSingleton<EndpointSweep>()
        .AddHostedService(provider => provider.GetRequiredService<EndpointSweep>());
}
