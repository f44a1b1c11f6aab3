using System.Collections.Immutable;
using System.Net;
using Calico.Cli.Connection;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Ipam;

namespace Calico.Cli.Commands.Ipam;

/// <summary>Compares blocks, handles, pools, nodes and endpoints with each other, in upstream's phases and words.</summary>
internal sealed class IpamCheck(CliEnvironment environment, CliSession session, bool showAll, bool showProblems)
{
    private readonly Dictionary<IPAddress, string> allocated = [];
    private readonly HashSet<IPAddress> used = [];
    private readonly Dictionary<string, Dictionary<string, int>> countsByHandle = new(StringComparer.Ordinal);
    private ImmutableArray<Cidr> pools = [];
    private int problems;

    internal async Task RunAsync(CancellationToken ct)
    {
        Say("Checking IPAM for inconsistencies...");
        Say("");
        await LoadBlocksAsync(ct);
        await LoadPoolsAsync(ct);
        await LoadNodesAsync(ct);
        await LoadEndpointsAsync(ct);
        // What a node keeps for the time that the store is away is in use by the node.
        var reserve = allocated.Where(pair => pair.Value.StartsWith("parked.", StringComparison.Ordinal)).Select(pair => pair.Key).ToArray();
        used.UnionWith(reserve);
        if (reserve.Length > 0)
        {
            Say($"Found {reserve.Length} IPs that nodes keep in reserve.");
        }

        Say($"Workloads and nodes are using {used.Count} IPs.");
        Say("");
        CompareAddresses();
        await CompareHandlesAsync(ct);
        await AskHostAsync(ct);
        Say($"Check complete; found {problems} problems.");
        if (problems > 0)
        {
            // Everything has been said; scripts read the exit code.
            throw new CliException("");
        }
    }

    // What only this node knows: its records, its leases, and the interfaces in its kernel.
    private async Task AskHostAsync(CancellationToken ct)
    {
        if (!File.Exists(environment.HostSocket))
        {
            return;
        }

        Say("Asking this node's host...");
        var lines = (await HostClient.GetAsync(environment.HostSocket, "/audit", ct)).EnumerateArray().Select(l => l.GetString() ?? "").ToList();
        foreach (var line in lines)
        {
            Say($"  {line}");
        }

        problems += lines.Count;
        Say($"Found {lines.Count} disagreements between this node's records, leases and interfaces.");
        Say("");
    }

    private async Task LoadBlocksAsync(CancellationToken ct)
    {
        Say("Loading all IPAM blocks...");
        var ipam = new IpamClient(session.Store, null, environment.Time);
        var blocks = (await ipam.BlocksAsync(4, ct)).AddRange(await ipam.BlocksAsync(6, ct));
        Say($"Found {blocks.Length} IPAM blocks.");
        foreach (var block in blocks)
        {
            Say($" IPAM block {block.Cidr} affinity={block.Affinity ?? "<none>"}:");
            foreach (var ordinal in block.AllocatedOrdinals)
            {
                // An address that cools down is marked as allocated and belongs to nobody.
                if (block.AttributeOf(ordinal) is { ReleasedAt: null } attribute)
                {
                    allocated[block.AddressOf(ordinal)] = attribute.HandleId ?? "";
                    Count(attribute.HandleId ?? "", block.Cidr.ToString());
                }
            }
        }

        Say($"IPAM blocks record {allocated.Count} allocations.");
        Say("");
    }

    private async Task LoadPoolsAsync(CancellationToken ct)
    {
        Say("Loading all IPAM pools...");
        pools = [.. (await session.Client.ListAsync("IPPool", "", ct)).Items.OfType<Resource<IpPoolSpec>>()
            .Where(pool => pool.Spec.Disabled != true).Select(pool => Cidr.Parse(pool.Spec.Cidr))];
        foreach (var pool in pools)
        {
            Say($"  {pool}");
        }

        Say($"Found {pools.Length} active IP pools.");
        Say("");
    }

    private async Task LoadNodesAsync(CancellationToken ct)
    {
        Say("Loading all nodes.");
        var found = 0;
        foreach (var node in (await session.Client.ListAsync("Node", "", ct)).Items.OfType<Resource<NodeSpec>>())
        {
            found += Use(node.Spec.Bgp?.Ipv4IpipTunnelAddress) + Use(node.Spec.Ipv4VxlanTunnelAddress) + Use(node.Spec.Ipv6VxlanTunnelAddress)
                + Use(node.Spec.Wireguard?.InterfaceIpv4Address) + Use(node.Spec.Wireguard?.InterfaceIpv6Address);
        }

        Say($"Found {found} node tunnel IPs.");
        Say("");
    }

    private async Task LoadEndpointsAsync(CancellationToken ct)
    {
        Say("Loading all workload endpoints.");
        var found = (await session.Client.ListAsync("WorkloadEndpoint", "", ct)).Items.OfType<Resource<WorkloadEndpointSpec>>()
            .SelectMany(endpoint => endpoint.Spec.IpNetworks ?? []).Sum(Use);
        Say($"Found {found} workload IPs.");
    }

    private void CompareAddresses()
    {
        Say("Scanning for IPs that are allocated but not actually in use...");
        var leaked = allocated.Keys.Where(address => !used.Contains(address)).Order(AddressOrder.Instance).ToArray();
        Report(leaked, address => $"  {address} leaked; handle '{allocated[address]}'");
        Say($"Found {leaked.Length} IPs that are allocated in IPAM but not actually in use.");

        Say("Scanning for IPs that are in use by a workload or node but not allocated in IPAM...");
        var unallocated = used.Where(address => !allocated.ContainsKey(address)).Order(AddressOrder.Instance).ToLookup(IsInPool);
        Report([.. unallocated[true]], address => $"  {address} in use, in an active pool, not allocated");
        Say($"Found {unallocated[false].Count()} in-use IPs that are not in active IP pools.");
        Say($"Found {unallocated[true].Count()} in-use IPs that are in active IP pools but have no corresponding IPAM allocation.");
        Say("");
        if (showAll)
        {
            foreach (var (address, handle) in allocated.OrderBy(pair => pair.Key, AddressOrder.Instance))
            {
                Say($"  {address} {(used.Contains(address) ? "in use" : "not in use")}; handle '{handle}'");
            }
        }
    }

    private async Task CompareHandlesAsync(CancellationToken ct)
    {
        Say("Loading all handles");
        var handles = await session.Store.ListAsync(IpamKeys.Handles, 0, ct);
        var wrong = 0;
        foreach (var item in handles.Items)
        {
            var id = item.Key[IpamKeys.Handles.Length..];
            var recorded = ResourceJson.Read<IpamHandleValue>(item.Value.Span);
            var counted = countsByHandle.GetValueOrDefault(id) ?? [];
            if (!recorded.Deleted
                && (recorded.Block.Count != counted.Count || recorded.Block.Any(block => counted.GetValueOrDefault(block.Key) != block.Value)))
            {
                wrong++;
                Detail($"  handle '{id}' does not match the blocks");
            }

            countsByHandle.Remove(id);
        }

        var missing = countsByHandle.Keys.Count(id => id.Length > 0);
        Say($"Found {handles.Items.Length} handles, {wrong} of which do not match the blocks; {missing} handles of blocks are missing.");
        problems += wrong + missing;
    }

    private void Report(IPAddress[] addresses, Func<IPAddress, string> describe)
    {
        problems += addresses.Length;
        foreach (var address in addresses)
        {
            Detail(describe(address));
        }
    }

    private int Use(string? text) => text is { Length: > 0 } && AddressText.TryParse(text, out var address, out _) && used.Add(address) ? 1 : 0;

    private bool IsInPool(IPAddress address) => pools.Any(pool => pool.Contains(address));

    private void Count(string handle, string block)
    {
        if (!countsByHandle.TryGetValue(handle, out var counts))
        {
            countsByHandle[handle] = counts = new(StringComparer.Ordinal);
        }

        counts[block] = counts.GetValueOrDefault(block) + 1;
    }

    private void Detail(string line)
    {
        if (showProblems || showAll)
        {
            Say(line);
        }
    }

    private void Say(string line) => environment.Output.WriteLine(line);

    private sealed class AddressOrder : IComparer<IPAddress>
    {
        internal static AddressOrder Instance { get; } = new();

        public int Compare(IPAddress? x, IPAddress? y)
        {
            var (a, b) = (x?.GetAddressBytes() ?? [], y?.GetAddressBytes() ?? []);
            return a.Length != b.Length ? a.Length - b.Length : a.AsSpan().SequenceCompareTo(b);
        }
    }
}
