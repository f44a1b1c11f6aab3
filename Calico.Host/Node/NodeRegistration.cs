using System.Collections.Immutable;
using System.Net.Sockets;
using System.Security.Cryptography;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Client;
using Calico.Datastore.Resources.V3;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Calico.Host.Settings;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Node;

/// <summary>Makes the datastore know this node: ClusterInformation, the first pools, the Node resource with its addresses.</summary>
/// <remarks>Idempotent. Labels, annotations and fields that people set on the Node survive.</remarks>
internal sealed partial class NodeRegistration(IKeyValueStore store, HostSettings settings, string nodeName, string machineId,
    TimeProvider time,
    ILogger<NodeRegistration> logger)
{
    private const string MachineAnnotation = "net.calico/machine-id";

    /// <exception cref="CalicoException"><see cref="Problem.Unavailable"/> the store is away; <see cref="Problem.AlreadyExists"/> another
    /// machine has this node name; <see cref="Problem.Invalid"/> a setting.</exception>
    /// <param name="isStart">False: the node is registered again, and pools that a person has deleted meanwhile stay so.</param>
    /// <param name="ct">Cancels.</param>
    public async Task RunAsync(bool isStart, CancellationToken ct)
    {
        if (await EnsureClusterAsync(ct) || isStart)
        {
            await EnsurePoolsAsync(ct);
        }

        await EnsureNodeAsync(ct);
    }

    /// <returns>Whether the store knew nothing of a cluster.</returns>
    private async Task<bool> EnsureClusterAsync(CancellationToken ct)
    {
        var kind = Kinds.ClusterInformation;
        var key = kind.Path(kind.Key("default"));
        if (await store.GetAsync(key, 0, ct) is not null)
        {
            return false;
        }

        var cluster = kind.New(NewMetadata("default"), new ClusterInformationSpec
        {
            ClusterGuid = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)),
            ClusterType = "calico-net",
            CalicoVersion = "v" + ThisVersion.Text,
            DatastoreReady = true,
        });
        return await CreateAsync(kind, cluster, ct);
    }

    private async Task EnsurePoolsAsync(CancellationToken ct)
    {
        if (settings.NoDefaultPools || !(await store.ListAsync(Kinds.IpPool.Prefix, 0, ct)).Items.IsEmpty)
        {
            return;
        }

        if (settings.Ipv4PoolCidr is not ("" or "none"))
        {
            await CreatePoolAsync("default-ipv4-ippool", "CALICO_IPV4POOL_CIDR", new()
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
            await CreatePoolAsync("default-ipv6-ippool", "CALICO_IPV6POOL_CIDR", new()
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

    private async Task CreatePoolAsync(string name, string setting, IpPoolSpec spec, CancellationToken ct)
    {
        var pool = Kinds.IpPool.New(NewMetadata(name), spec);
        var errors = Kinds.IpPool.Validate(pool);
        if (!errors.IsEmpty)
        {
            throw new CalicoException(Problem.Invalid, $"{setting}: {string.Join("; ", errors.Select(e => e.ToString()))}", setting);
        }

        try
        {
            await new ResourceClient(store, time).CreateAsync(pool, ct);
            Log.PoolMade(logger, name, spec.Cidr);
        }
        catch (CalicoException e) when (e.Problem == Problem.AlreadyExists)
        {
            // Another node was faster.
        }
        catch (CalicoException e) when (e.Problem == Problem.Invalid)
        {
            // Blocks of former pools are in the way; workloads with addresses of them go on.
            Log.PoolNotMade(logger, name, spec.Cidr, e.Message);
        }
    }

    private async Task EnsureNodeAsync(CancellationToken ct)
    {
        var kind = Kinds.Node;
        var key = kind.Path(kind.Key(nodeName));
        var ipv4 = AddressDetection.Find(settings.Ipv4, AddressFamily.InterNetwork, "IP");
        var ipv6 = AddressDetection.Find(settings.Ipv6, AddressFamily.InterNetworkV6, "IP6");
        for (var attempt = 0; attempt < 10; attempt++)
        {
            var stored = await store.GetAsync(key, 0, ct);
            var node = stored is null
                ? kind.Create(NewMetadata(nodeName))
                : Decode(stored);
            var annotations = node.Metadata.Annotations ?? ImmutableSortedDictionary<string, string>.Empty;
            if (annotations.TryGetValue(MachineAnnotation, out var owner) && owner != machineId)
            {
                throw new CalicoException(Problem.AlreadyExists,
                    $"node name '{nodeName}' belongs to another machine (machine-id {owner}; this one is {machineId}). "
                    + "Give this machine a name of its own with NODENAME, "
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
            var next = node with { Metadata = node.Metadata with { Annotations = annotations.SetItem(MachineAnnotation, machineId) },
                Spec = spec };
            var value = kind.EncodeValid(next);
            if (stored is not null && value.AsSpan().SequenceEqual(stored.Value.Span))
            {
                return;
            }

            var guard = WriteGuard.None;
            if (stored is null || spec.Bgp?.Ipv4Address != node.Spec.Bgp?.Ipv4Address
                || spec.Bgp?.Ipv6Address != node.Spec.Bgp?.Ipv6Address)
            {
                guard = await WriteGuard.TakeAsync(store, OwnKeys.NodeGeneration, ct);
                await RefuseSharedAsync(spec.Bgp, ct);
            }

            var outcome = await store.CommitAsync(new([StoreCompare.At(key, stored?.ModRevision ?? 0), .. guard.Compares],
                [new StoreOperation.Put(key, value), .. guard.Writes], []), ct);
            if (outcome.Succeeded)
            {
                Log.Registered(logger, nodeName, ipv4?.Address ?? "none", ipv6?.Address ?? "none");
                return;
            }
        }

        throw new CalicoException(Problem.Conflict, $"node '{nodeName}' was changed by others ten times while it was being registered");
    }

    /// <summary>Two nodes with one address cannot be told apart: traffic for the workloads of one would go to the other.</summary>
    private async Task RefuseSharedAsync(NodeBgp? wanted, CancellationToken ct)
    {
        string?[] addresses = [Plain(wanted?.Ipv4Address), Plain(wanted?.Ipv6Address)];
        foreach (var item in (await store.ListAsync(Kinds.Node.Prefix, 0, ct)).Items)
        {
            if (Read(item) is not { } other || other.Metadata.Name == nodeName)
            {
                continue;
            }

            string?[] theirs = [Plain(other.Spec.Bgp?.Ipv4Address), Plain(other.Spec.Bgp?.Ipv6Address)];
            if (addresses.FirstOrDefault(a => a is not null && theirs.Contains(a)) is { } shared)
            {
                throw new CalicoException(Problem.AlreadyExists,
                    $"address {shared} is node {other.Metadata.Name}'s. Give this node an address of its own (IP, IP6), "
                    + $"or, if that node is gone: calicoctl delete node {other.Metadata.Name}", "IP");
            }
        }
    }

    private static string? Plain(string? network) =>
        network?.Split('/')[0] is { Length: > 0 } text && System.Net.IPAddress.TryParse(text, out var address) ? address.ToString() : null;

    private static Resource<NodeSpec> Decode(KeyValue stored) => Read(stored)
        ?? throw new CalicoException(Problem.Damaged,
            $"{stored.Key} cannot be read, and a person's text is not written over: mend it, or delete the key");

    private static Resource<NodeSpec>? Read(KeyValue stored)
    {
        try
        {
            return Kinds.Node.DecodeStored(stored.Value);
        }
        catch (Exception e) when (ResourceJson.IsUnreadable(e))
        {
            return null;
        }
    }

    private async Task<bool> CreateAsync(ResourceKind kind, Resource resource, CancellationToken ct)
    {
        var key = kind.Path(kind.KeyOf(resource));
        return (await store.CommitAsync(new([StoreCompare.Absent(key)], [new StoreOperation.Put(key, kind.EncodeValid(resource))], []),
            ct)).Succeeded;
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

        [LoggerMessage(1362, LogLevel.Error,
            "IP pool {Pool} {Cidr} cannot be made; make one that does not overlap, or wait until the addresses are free: {Reason}")]
        public static partial void PoolNotMade(ILogger logger, string pool, string cidr, string reason);

        [LoggerMessage(1312, LogLevel.Information, "IP pool {Pool} {Cidr} made: the datastore had none")]
        public static partial void PoolMade(ILogger logger, string pool, string cidr);
    }
}
