using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Store;

namespace Calico.Ipam;

/// <summary>IPAM as the whole cluster sees it: upstream's operations on upstream's data, each one transaction that is tried again when
/// another node was faster.</summary>
/// <remarks>
/// Safe to call concurrently, from any node and process. Nothing is kept between calls. Errors are <see cref="CalicoException"/> with
/// upstream's words: <see cref="Problem.Conflict"/> after a hundred lost races, <see cref="Problem.Unavailable"/> from the store.
/// A node's own workloads go through <see cref="NodeIpam"/>, which remembers and groups.
/// </remarks>
public sealed partial class IpamClient
{
    private const int Attempts = 100;

    private readonly IKeyValueStore _store;
    private readonly IIpamFacts _facts;
    private readonly TimeProvider _time;

    /// <param name="store">Where IPAM's data stands.</param>
    /// <param name="facts">Pools and labels; null: read from the store each time.</param>
    /// <param name="time">For claim times, cool-down and retries.</param>
    public IpamClient(IKeyValueStore store, IIpamFacts? facts, TimeProvider time)
    {
        _store = store;
        _facts = facts ?? new StoreIpamFacts(store);
        _time = time;
    }

    /// <summary>Assigns addresses of either family. Fewer than asked for is no error: see <see cref="AssignedAddresses.Shortfall"/>.
    /// </summary>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/> node or pool, <see cref="Problem.Invalid"/> family or use.
    /// </exception>
    public async Task<AutoAssignResult> AutoAssignAsync(AutoAssignRequest request, CancellationToken ct)
    {
        AssignedAddresses? v4 = null;
        AssignedAddresses? v6 = null;
        CalicoException? failure = null;
        if (request.Ipv4 > 0)
        {
            (v4, failure) = await ChangeAsync((change, token) => Auto(change).AssignAsync(request, 4, token), ct);
        }

        if (request.Ipv6 > 0 && failure is null)
        {
            (v6, failure) = await ChangeAsync((change, token) => Auto(change).AssignAsync(request, 6, token), ct);
        }

        return new(v4, v6, failure);
    }

    /// <summary>Assigns one address.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.AlreadyExists"/> it is held; <see cref="Problem.NotFound"/> no pool has it;
    /// <see cref="Problem.Invalid"/> its pool is not for that use.</exception>
    public Task AssignAsync(AssignRequest request, CancellationToken ct) =>
        ChangeAsync(async (change, token) => await Exact(change).AssignAsync(request, token), ct);

    /// <summary>Frees addresses, all or none.</summary>
    /// <returns>Those that were free before.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.Conflict"/>: one has another handle or sequence number than its request says.
    /// </exception>
    public Task<ImmutableArray<IPAddress>> ReleaseAsync(IReadOnlyCollection<ReleaseRequest> requests, CancellationToken ct) =>
        ChangeAsync((change, token) => Exact(change).ReleaseAsync(requests, token), ct);

    /// <summary>Frees every address of a handle.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>: no such handle.</exception>
    public Task ReleaseByHandleAsync(string handle, CancellationToken ct) =>
        ChangeAsync(async (change, token) =>
        {
            await Exact(change).ReleaseByHandleAsync(handle, token);
            return true;
        }, ct);

    /// <summary>Addresses of a handle, by block.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>: no such handle.</exception>
    public async Task<ImmutableArray<IPAddress>> AddressesOfAsync(string handle, CancellationToken ct)
    {
        var change = NewChange();
        var value = await change.HandleAsync(handle, ct)
            ?? throw new CalicoException(Problem.NotFound, $"resource does not exist: IPAMHandle({handle})");
        var addresses = ImmutableArray.CreateBuilder<IPAddress>();
        foreach (var text in value.Block.Keys)
        {
            if (Cidr.TryParse(text, out var cidr) && await change.BlockAsync(cidr, ct) is { } block)
            {
                addresses.AddRange(block.OrdinalsOf(handle).Select(block.AddressOf));
            }
        }

        return addresses.ToImmutable();
    }

    /// <summary>Who has an address.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>: nobody; <see cref="Problem.Conflict"/>: it cools down.</exception>
    public async Task<IpamAttribute> AttributesOfAsync(IPAddress address, CancellationToken ct)
    {
        var change = NewChange();
        var block = await Exact(change).FindBlockAsync(address, ct) is { } cidr ? await change.BlockAsync(cidr, ct) : null;
        var attribute = block?.AttributeOf(block.OrdinalOf(address)!.Value)
            ?? throw new CalicoException(Problem.NotFound, $"resource does not exist: {address}");
        return attribute.ReleasedAt is null ? attribute : throw new CalicoException(Problem.Conflict, $"address {address} is in cooldown");
    }

    /// <summary>Changes the owners kept with an address, guarded by whom the caller believes to be there.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Conflict"/>: a guard does not hold; <see cref="Problem.NotFound"/>: the address
    /// is not assigned; <see cref="Problem.Invalid"/>: guards that exclude each other.</exception>
    public Task SetOwnersAsync(OwnerUpdate update, CancellationToken ct)
    {
        update.Validate();
        return ChangeAsync(async (change, token) =>
        {
            var block = await Exact(change).FindBlockAsync(update.Address, token) is { } cidr ? await change.BlockAsync(cidr, token) : null;
            if (block is null || block.OrdinalOf(update.Address) is not { } ordinal
                || block.AttributeOf(ordinal) is not { ReleasedAt: null } attribute)
            {
                throw new CalicoException(Problem.NotFound, $"resource does not exist: {update.Address}");
            }

            if (update.ApplyTo(attribute) is { } changed && changed != attribute)
            {
                change.Put(block.Reassign(ordinal, changed, isNewOwner: false));
            }

            return true;
        }, ct);
    }

    /// <summary>The configuration, or its defaults; reading stores nothing.</summary>
    public async Task<IpamConfigValue> GetConfigAsync(CancellationToken ct) => await new StoreIpamFacts(_store).ConfigAsync(ct);

    /// <summary>Sets the configuration; an unchanged one is not written.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>, in upstream's words.</exception>
    public async Task SetConfigAsync(IpamConfigValue config, CancellationToken ct)
    {
        if (!config.StrictAffinity && !config.AutoAllocateBlocks)
        {
            throw new CalicoException(Problem.Invalid, "Cannot disable 'StrictAffinity' and 'AutoAllocateBlocks' at the same time");
        }

        if (config.MaxBlocksPerHost > 0 && !config.StrictAffinity)
        {
            throw new CalicoException(Problem.Invalid, "MaxBlocksPerHost requires StrictAffinity to be enabled");
        }

        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var stored = await _store.GetAsync(IpamKeys.Config, 0, ct);
            var value = ResourceJson.Write(config);
            if (ResourceJson.Write(await GetConfigAsync(ct)).AsSpan().SequenceEqual(value))
            {
                return;
            }

            var outcome = await _store.CommitAsync(new([StoreCompare.At(IpamKeys.Config, stored?.ModRevision ?? 0)],
                [new StoreOperation.Put(IpamKeys.Config, value)], []), ct);
            if (outcome.Succeeded)
            {
                return;
            }
        }

        throw MaxRetries();
    }

    private static CalicoException MaxRetries() => new(Problem.Conflict, "Max retries hit - excessive concurrent IPAM requests");

    private IpamChange NewChange() => new(_store, new());

    private AutoAssignment Auto(IpamChange change) => new(change, _facts, _time);

    private ExactAssignment Exact(IpamChange change) => new(change, _facts, _time);

    private async Task<T> ChangeAsync<T>(Func<IpamChange, CancellationToken, Task<T>> plan, CancellationToken ct)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var change = NewChange();
            var result = await plan(change, ct);
            if (change.IsEmpty)
            {
                return result;
            }

            var outcome = await _store.CommitAsync(change.Build([]), ct);
            if (outcome.Succeeded)
            {
                return result;
            }

            // Whoever lost several times in a row waits, so that the one that reads slowest gets its turn.
            await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(1 + Math.Min(attempt * 2, 50))), _time, ct);
        }

        throw MaxRetries();
    }
}
