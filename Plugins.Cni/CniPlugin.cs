using Calico;
using Calico.Plugins.Cni.Verbs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

[assembly: CalicoContract(1, 0)]

namespace Calico.Plugins.Cni;

/// <summary>The adapter for everything that speaks CNI: containerd, podman, CRI-O, Mesos' <c>network/cni</c>, rkt.</summary>
public sealed class CniPlugin : IOrchestratorPlugin
{
    /// <inheritdoc/>
    public string Name => "cni";

    /// <inheritdoc/>
    public void Configure(IPluginBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var settings = builder.Settings<CniSettings>();
        builder.Listen(new ListenerSpec(CniServer.ListenerName, settings.Socket, UnixFileMode.UserRead | UnixFileMode.UserWrite));
        AddCni(builder.Services, settings);
    }

    /// <summary>In the order a call takes.</summary>
    internal static IServiceCollection AddCni(IServiceCollection services, CniSettings settings) => services
        .AddSingleton(settings)
        .AddHostedService<CniServer>()
        .AddSingleton<CniDispatcher>()
        .AddSingleton<CniVerbs>()
        .AddSingleton<AddVerb>()
        .AddSingleton<DelVerb>()
        .AddSingleton<CheckVerb>()
        .AddSingleton<GcVerb>()
        .AddSingleton<StatusVerb>()
        .AddSingleton<IpamVerbs>()
        .AddSingleton<IpamRelease>()
        .AddSingleton<EndpointLookup>()
        .AddSingleton<EndpointPlanner>()
        .AddSingleton<PoolFamilies>()
        .AddSingleton<DelSpool>();
}
