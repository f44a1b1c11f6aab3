using System.Collections.Immutable;
using System.Net.Sockets;
using System.Security.Cryptography;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.Host.Settings;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Node;

/// <summary>Makes the datastore know this node: ClusterInformation, the first pools, the Node resource with its addresses.</summary>
/// <remarks>Idempotent. Labels, annotations and fields that people set on the Node survive.</remarks>
public sealed partial class NodeRegistration(IKeyValueStore store, HostSettings settings, string nodeName, string machineId, TimeProvider time,
    ILogger<NodeRegistration> logger)
{
    private const string MachineAnnotation = "net.calico/machine-id";

    /// <exception cref="CalicoException"><see cref="Problem.Unavailable"/> the store is away; <see cref="Problem.AlreadyExists"/> another
    /// machine has this node name; <see cref="Problem.Invalid"/> a setting.</exception>
    public async Task RunAsync(CancellationToken ct)
    {
        await EnsureClusterAsync(ct);
        await EnsurePoolsAsync(ct);
        await EnsureNodeAsync(ct);
    }

    private async Task EnsureClusterAsync(CancellationToken ct)
    {
        var kind = ResourceKinds.All["ClusterInformation"];
        var key = kind.Path(new("ClusterInformation", "", "default"));
        if (await store.GetAsync(key, 0, ct) is not null)
        {
            return;
        }

        var cluster = new Resource<ClusterInformationSpec>
        {
            Kind = kind.Name,
            Metadata = NewMetadata("default"),
            Spec = new()
            {
                ClusterGuid = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)),
                ClusterType = "calico-net",
                CalicoVersion = "v" + ThisVersion.Text,
                DatastoreReady = true,
            },
        };
        await CreateAsync(kind, cluster, ct);
    }

    private async Task EnsurePoolsAsync(CancellationToken ct)
    {
        var kind = ResourceKinds.All["IPPool"];
        if (settings.NoDefaultPools || !(await store.ListAsync(kind.Prefix, 0, ct)).Items.IsEmpty)
        {
            return;
        }

        if (settings.Ipv4PoolCidr is not ("" or "none"))
        {
            await CreatePoolAsync(kind, "default-ipv4-ippool", "CALICO_IPV4POOL_CIDR", new()
            {
                Cidr = settings.Ipv4PoolCidr,
                BlockSize = settings.Ipv4PoolBlockSize,
                NatOutgoing = settings.Ipv4PoolNatOutgoing,
                IpipMode = "Never",
                VxlanMode = "Never",
                NodeSelector = "all()",
                AllowedUses = ["Workload", "Tunnel"],
                AssignmentMode = "Automatic",
            }, ct);
        }

        if (settings.Ipv6PoolCidr is not ("" or "none"))
        {
            await CreatePoolAsync(kind, "default-ipv6-ippool", "CALICO_IPV6POOL_CIDR", new()
            {
                Cidr = settings.Ipv6PoolCidr,
                BlockSize = HostSettings.Ipv6PoolBlockSize,
                IpipMode = "Never",
                VxlanMode = "Never",
                NodeSelector = "all()",
                AllowedUses = ["Workload", "Tunnel"],
                AssignmentMode = "Automatic",
            }, ct);
        }
    }

    private async Task CreatePoolAsync(ResourceKind kind, string name, string setting, IpPoolSpec spec, CancellationToken ct)
    {
        var pool = new Resource<IpPoolSpec> { Kind = kind.Name, Metadata = NewMetadata(name), Spec = spec };
        var errors = kind.Validate(pool);
        if (!errors.IsEmpty)
        {
            throw new CalicoException(Problem.Invalid, $"{setting}: {string.Join("; ", errors.Select(e => e.ToString()))}", setting);
        }

        if (await CreateAsync(kind, pool, ct))
        {
            Log.PoolMade(logger, name, spec.Cidr);
        }
    }

    private async Task EnsureNodeAsync(CancellationToken ct)
    {
        var kind = ResourceKinds.All["Node"];
        var key = kind.Path(new("Node", "", nodeName));
        var ipv4 = AddressDetection.Find(settings.Ipv4, AddressFamily.InterNetwork, "IP");
        var ipv6 = AddressDetection.Find(settings.Ipv6, AddressFamily.InterNetworkV6, "IP6");
        for (var attempt = 0; attempt < 10; attempt++)
        {
            var stored = await store.GetAsync(key, 0, ct);
            var node = stored is null
                ? new Resource<NodeSpec> { Kind = kind.Name, Metadata = NewMetadata(nodeName) }
                : Read(kind, stored);
            var annotations = node.Metadata.Annotations ?? ImmutableSortedDictionary<string, string>.Empty;
            if (annotations.TryGetValue(MachineAnnotation, out var owner) && owner != machineId)
            {
                throw new CalicoException(Problem.AlreadyExists,
                    $"node name '{nodeName}' belongs to another machine (machine-id {owner}; this one is {machineId}). Give this machine a name of its own with NODENAME, "
                    + $"or, if it replaces that machine: calicoctl delete node {nodeName}", "NODENAME");
            }

            var spec = ipv4 is null && ipv6 is null ? node.Spec : node.Spec with
            {
                Bgp = (node.Spec.Bgp ?? new()) with
                {
                    Ipv4Address = ipv4?.Address ?? node.Spec.Bgp?.Ipv4Address,
                    Ipv6Address = ipv6?.Address ?? node.Spec.Bgp?.Ipv6Address,
                },
            };
            var next = node with { Metadata = node.Metadata with { Annotations = annotations.SetItem(MachineAnnotation, machineId) }, Spec = spec };
            var value = kind.Encode(next);
            if (stored is not null && value.AsSpan().SequenceEqual(stored.Value.Span))
            {
                return;
            }

            var outcome = await store.CommitAsync(new([StoreCompare.At(key, stored?.ModRevision ?? 0)], [new StoreOperation.Put(key, value)], []), ct);
            if (outcome.Succeeded)
            {
                Log.Registered(logger, nodeName, ipv4?.Address ?? "none", ipv6?.Address ?? "none");
                return;
            }
        }

        throw new CalicoException(Problem.Conflict, $"node '{nodeName}' was changed by others ten times while it was being registered");
    }

    private Resource<NodeSpec> Read(ResourceKind kind, KeyValue stored)
    {
        try
        {
            return (Resource<NodeSpec>)kind.DecodeStored(stored.Value);
        }
        catch (Exception e) when (ResourceJson.IsUnreadable(e))
        {
            throw new CalicoException(Problem.Damaged,
                $"the Node resource '{nodeName}' in the datastore cannot be read ({e.Message}), so this node's addresses are not brought there; it is left as it is: mend or delete {stored.Key}", inner: e);
        }
    }

    private async Task<bool> CreateAsync(ResourceKind kind, Resource resource, CancellationToken ct)
    {
        var key = kind.Path(kind.KeyOf(resource));
        return (await store.CommitAsync(new([StoreCompare.Absent(key)], [new StoreOperation.Put(key, kind.Encode(resource))], []), ct)).Succeeded;
    }

    private ObjectMeta NewMetadata(string name) => new()
    {
        Name = name,
        Uid = Guid.NewGuid().ToString(),
        CreationTimestamp = DateTimeOffset.FromUnixTimeSeconds(time.GetUtcNow().ToUnixTimeSeconds()),
    };

    private static partial class Log
    {
        [LoggerMessage(1311, LogLevel.Information, "node {Node} registered, IPv4 {Ipv4}, IPv6 {Ipv6}")]
        public static partial void Registered(ILogger logger, string node, string ipv4, string ipv6);

        [LoggerMessage(1312, LogLevel.Information, "IP pool {Pool} {Cidr} made: the datastore had none")]
        public static partial void PoolMade(ILogger logger, string pool, string cidr);
    }
}
