using System.Diagnostics.Metrics;
using Calico.Datastore.Store;
using Calico.Host.Node;
using Calico.Host.Stages;
using Calico.Host.Timings;
using Calico.Host.Workloads;
using Calico.Host.Workloads.Profiles;
using Calico.Ipam;
using Microsoft.Extensions.DependencyInjection;

namespace Calico.Host.Plugins;

/// <summary>What stands behind the contracts that an adapter's own container holds.</summary>
internal sealed record AdapterContracts
{
    private readonly HostNamespaces _namespaces = new();

    public required WorkloadConnector Connector { get; init; }
    public required NodeIpam Ipam { get; init; }
    public required HostProfiles Profiles { get; init; }
    public required HostStatus Status { get; init; }
    public required DatastoreView View { get; init; }
    public required StartGate Gate { get; init; }
    public required INodeLog Log { get; init; }
    public required IKeyValueStore Store { get; init; }
    public required IMeterFactory Meters { get; init; }
    public required CallTimings Timings { get; init; }

    /// <summary>Adds them for one adapter: it sees what is its own.</summary>
    public void AddTo(string adapter, IServiceCollection services)
    {
        var workloads = new AdapterWorkloads(adapter, Connector, Gate, View, Profiles.Find);
        services.AddSingleton<IWorkloadNetwork>(workloads);
        services.AddSingleton<IWorkloadDataplane>(workloads);
        services.AddSingleton<IIpam>(new AdapterIpam(adapter, Ipam, Gate));
        services.AddSingleton<IPluginState>(new PluginState(adapter, Log, Store));
        services.AddSingleton<INetworkNamespaces>(_namespaces);
        services.AddSingleton<IProfiles>(new AdapterProfiles(Profiles, Gate));
        services.AddSingleton<IHostStatus>(Status);
        // Its meters are collected with the host's.
        services.AddSingleton(Meters);
        services.AddSingleton(Timings.Of(adapter));
    }
}
