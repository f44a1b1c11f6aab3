using Calico;
using Calico.Plugins.Mesos.Containers;
using Calico.Plugins.Mesos.Isolation;
using Calico.Plugins.Mesos.NetModules;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

[assembly: CalicoContract(1, 0)]

namespace Calico.Plugins.Mesos;

/// <summary>The adapter for Mesos agents: an isolator over gRPC, and what net-modules' command <c>calico_mesos</c> asks. Mesos' own
/// <c>network/cni</c> isolator is the CNI adapter's.</summary>
public sealed class MesosPlugin : IOrchestratorPlugin
{
    /// <summary>An agent that starts again asks for all of its containers at once.</summary>
    private const int Backlog = 1024;

    /// <inheritdoc/>
    public string Name => "mesos";

    /// <inheritdoc/>
    public void Configure(IPluginBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var settings = builder.Settings<MesosSettings>();
        settings.Check();
        Listen(builder, IsolatorServer.ListenerName, settings.Socket);
        Listen(builder, NetModulesServer.ListenerName, settings.NetModulesSocket);
        AddMesos(builder.Services, settings);
    }

    private static void Listen(IPluginBuilder builder, string name, string path) =>
        builder.Listen(new(name, path, UnixFileMode.UserRead | UnixFileMode.UserWrite, Backlog));

    /// <summary>In the order a call takes.</summary>
    internal static IServiceCollection AddMesos(IServiceCollection services, MesosSettings settings) => services
        .AddSingleton(settings)
        .AddSingleton<ContainerLoading>()
        .AddHostedService<IsolatorServer>()
        .AddSingleton<IsolatorService>()
        .AddSingleton<IsolatorHealth>()
        .AddSingleton<IsolatorCalls>()
        .AddHostedService<NetModulesServer>()
        .AddSingleton<NetModulesCommands>()
        .AddSingleton<AddressCommands>()
        .AddSingleton<ContainerCommands>()
        .AddSingleton<ContainerBook>()
        .AddSingleton<ContainerPreparation>()
        .AddSingleton<ContainerIsolation>()
        .AddSingleton<ContainerState>()
        .AddSingleton<ContainerUpdate>()
        .AddSingleton<ContainerWatch>()
        .AddSingleton<ContainerRecovery>()
        .AddSingleton<ContainerRemoval>()
        .AddSingleton<AddressLeases>()
        .AddSingleton<KeptAddresses>()
        .AddSingleton<Netgroups>()
        .AddSingleton(provider => new HostAddresses(provider.GetRequiredService<TimeProvider>(), HostAddresses.Read))
        .AddSingleton<ILiveWorkloads, LiveTasks>()
        .AddSingleton<ContainerSweep>()
        .AddHostedService(provider => provider.GetRequiredService<ContainerSweep>());
}
