using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Addresses;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;
using Calico.Datastore.Store;

namespace Calico.Ipam;

/// <summary>One attempt at changing what IPAM stores: reads what it needs, collects what shall be, and becomes one transaction that holds
/// only if nothing of what it changes was changed by another meanwhile.</summary>
/// <remarks>Not safe to call concurrently.</remarks>
internal sealed class IpamChange(IKeyValueStore store, IpamCache cache)
{
    /// <summary>etcd refuses transactions of more than 128 operations.</summary>
    private const int MaxGets = 100;

    private readonly Dictionary<string, CachedValue> _read = new(StringComparer.Ordinal);
    private readonly HashSet<string> _listed = new(StringComparer.Ordinal);
    private readonly HashSet<string> _guards = new(StringComparer.Ordinal);
    private ImmutableDictionary<string, object?> _staged = ImmutableDictionary.Create<string, object?>(StringComparer.Ordinal);

    /// <summary>A state to go back to; it is taken before each request of a group.</summary>
    public ImmutableDictionary<string, object?> Checkpoint => _staged;

    /// <summary>Whether something was taken from memory, so that "there is none" may be wrong.</summary>
    public bool UsedCache { get; private set; }

    /// <summary>Keys of IPAM that this change had read and that its transaction found gone.</summary>
    public ImmutableArray<string> Vanished { get; private set; } = [];

    /// <summary>Whether there is anything to write.</summary>
    public bool IsEmpty => !Changed().Any();

    /// <summary>How many keys are to be written.</summary>
    public int Weight => _staged.Count;

    public void Rollback(ImmutableDictionary<string, object?> checkpoint) => _staged = checkpoint;

    /// <summary>The block as this change would leave it, or null.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Damaged"/>.</exception>
    public Task<AllocationBlock?> BlockAsync(Cidr cidr, CancellationToken ct) =>
        ValueAsync<AllocationBlock>(IpamKeys.Block(cidr.ToString()), ct);

    /// <summary>As <see cref="BlockAsync"/>, but a damaged block is none.</summary>
    public async Task<AllocationBlock?> UsableBlockAsync(Cidr cidr, CancellationToken ct) =>
        await DamageAsync(cidr, ct) is null ? await BlockAsync(cidr, ct) : null;

    /// <summary>Why a block cannot be read; null: it can, or there is none.</summary>
    public async Task<string?> DamageAsync(Cidr cidr, CancellationToken ct)
    {
        var key = IpamKeys.Block(cidr.ToString());
        return _staged.ContainsKey(key) ? null : (await ReadAsync(key, ct)).Damage;
    }

    /// <summary>Whether there is a block, damaged or not.</summary>
    public async Task<bool> ExistsAsync(Cidr cidr, CancellationToken ct)
    {
        var key = IpamKeys.Block(cidr.ToString());
        return _staged.TryGetValue(key, out var staged) ? staged is not null : (await ReadAsync(key, ct)).ModRevision != 0;
    }

    /// <summary>Every block that has an address in it, widest first, damaged ones too: several only where ranges were mixed up.</summary>
    public async Task<ImmutableArray<Cidr>> BlocksAroundAsync(IPAddress address, CancellationToken ct)
    {
        var single = Cidr.From(address);
        var widest = single.AddressBits - AllocationBlock.MaxBits;
        ImmutableArray<Cidr> around = [.. Enumerable.Range(widest, AllocationBlock.MaxBits + 1).Select(single.Widen)];
        await PreloadAsync([.. around.Select(b => IpamKeys.Block(b.ToString()))], ct);
        var blocks = ImmutableArray.CreateBuilder<Cidr>();
        foreach (var cidr in around)
        {
            if (await ExistsAsync(cidr, ct))
            {
                blocks.Add(cidr);
            }
        }

        return blocks.ToImmutable();
    }

    /// <summary>Reads keys that are not known yet in as few questions as can be.</summary>
    public async Task PreloadAsync(IReadOnlyCollection<string> keys, CancellationToken ct)
    {
        foreach (var part in keys.Distinct().Where(k => !_read.ContainsKey(k) && !cache.TryGet(k, out _)).Chunk(MaxGets))
        {
            var found = await store.CommitAsync(new(part.Select(k => (StoreOperation)new StoreOperation.Get(k)).ToArray()), ct);
            foreach (var (key, result) in part.Zip(found.Results))
            {
                var read = result.IsEmpty ? CachedValue.Absent : CachedValue.Of(result[0]);
                cache.Set(key, read);
                _read[key] = read;
            }
        }
    }

    /// <summary>The pools as they are now. The transaction holds only if none is created meanwhile: for whoever makes a block by them.
    /// </summary>
    public async Task<ImmutableArray<IpamPool>> GuardPoolsAsync(CancellationToken ct)
    {
        await GuardAsync(OwnKeys.PoolGeneration, ct);
        return await new StoreIpamFacts(store).PoolsAsync(ct);
    }

    public void Put(AllocationBlock block) => Stage(IpamKeys.Block(block.Cidr.ToString()), block);

    public void DeleteBlock(Cidr cidr) => Stage(IpamKeys.Block(cidr.ToString()), null);

    /// <summary>The handle, or null. It only counts what blocks say, so one that cannot be read is as good as none and is written anew.
    /// </summary>
    public async Task<IpamHandleValue?> HandleAsync(string id, CancellationToken ct)
    {
        var key = IpamKeys.Handle(id);
        return _staged.TryGetValue(key, out var staged) ? (IpamHandleValue?)staged : (await ReadAsync(key, ct)).Value as IpamHandleValue;
    }

    /// <summary>Takes it that a handle does not exist, unless it is known to.</summary>
    public void AssumeNoHandle(string id)
    {
        if (!cache.TryGet(IpamKeys.Handle(id), out _))
        {
            cache.Set(IpamKeys.Handle(id), CachedValue.Absent);
        }
    }

    /// <summary>Makes the transaction hold only if a key was not changed since it was read.</summary>
    public async Task GuardAsync(string key, CancellationToken ct)
    {
        await ReadAsync(key, ct);
        _guards.Add(key);
    }

    public void DeleteHandle(string id) => Stage(IpamKeys.Handle(id), null);

    /// <summary>Counts a handle up or down in a block; it vanishes with its last address.</summary>
    public async Task CountHandleAsync(string id, Cidr block, int change, CancellationToken ct)
    {
        var handle = await HandleAsync(id, ct);
        if (handle is null && change < 0)
        {
            if (_read.TryGetValue(IpamKeys.Handle(id), out var read) && read.Damage is not null)
            {
                DeleteHandle(id);
            }

            return;
        }

        var (name, counts) = (block.ToString(), handle?.Block ?? ImmutableSortedDictionary<string, int>.Empty);
        var count = counts.GetValueOrDefault(name) + change;
        counts = count > 0 ? counts.SetItem(name, count) : counts.Remove(name);
        Stage(IpamKeys.Handle(id), counts.IsEmpty ? null : (handle ?? new()) with { Block = counts });
    }

    /// <summary>Makes a handle's count for a block what the block says.</summary>
    public async Task RecountHandleAsync(string id, AllocationBlock block, CancellationToken ct)
    {
        var counted = (await HandleAsync(id, ct))?.Block.GetValueOrDefault(block.Cidr.ToString()) ?? 0;
        if (block.OrdinalsOf(id).Length is var there && there != counted)
        {
            await CountHandleAsync(id, block.Cidr, there - counted, ct);
        }
    }

    /// <summary>Takes blocks that do not exist out of a handle, as far as they had an address.</summary>
    public async Task ForgetBlocksAsync(string id, IPAddress address, CancellationToken ct)
    {
        foreach (var (text, count) in (await HandleAsync(id, ct))?.Block ?? ImmutableSortedDictionary<string, int>.Empty)
        {
            if (Cidr.TryParse(text, out var cidr) && cidr.Contains(address) && !await ExistsAsync(cidr, ct))
            {
                await CountHandleAsync(id, cidr, -count, ct);
            }
        }
    }

    /// <summary>The affinity, or null. One that cannot be read counts as pending: the block decides, and it is written anew.</summary>
    public async Task<IpamAffinityValue?> AffinityAsync(AffinityOwner owner, Cidr block, CancellationToken ct)
    {
        var key = owner.Key(block);
        return !_staged.ContainsKey(key) && (await ReadAsync(key, ct)).Damage is not null
            ? new() { State = IpamAffinityValue.Pending }
            : await ValueAsync<IpamAffinityValue>(key, ct);
    }

    public async Task PutAffinityAsync(AffinityOwner owner, Cidr block, string state, CancellationToken ct)
    {
        var key = owner.Key(block);
        var before = (await ReadAsync(key, ct)).Value as IpamAffinityValue;
        Stage(key, (before ?? new()) with { State = state });
    }

    public async Task DeleteAffinityAsync(AffinityOwner owner, Cidr block, CancellationToken ct)
    {
        await ReadAsync(owner.Key(block), ct);
        Stage(owner.Key(block), null);
    }

    /// <summary>Blocks that an owner has affinities to, in key order, whatever their state.</summary>
    public async Task<ImmutableArray<Cidr>> AffineBlocksAsync(AffinityOwner owner, int ipVersion, CancellationToken ct)
    {
        var blocks = ImmutableArray.CreateBuilder<Cidr>();
        foreach (var key in await ListAsync(owner.Keys(ipVersion), ct))
        {
            if (IpamKeys.TryParseAffinity(key, out _, out var text) && Cidr.TryParse(text, out var cidr))
            {
                blocks.Add(cidr);
            }
        }

        return blocks.ToImmutable();
    }

    /// <summary>Every block of a family, in key order, read anew.</summary>
    public async Task<ImmutableArray<Cidr>> AllBlocksAsync(int ipVersion, CancellationToken ct)
    {
        var blocks = ImmutableArray.CreateBuilder<Cidr>();
        foreach (var key in await ListAsync(IpamKeys.Blocks(ipVersion), ct, useCache: false))
        {
            if (IpamKeys.TryParseBlock(key, out var text) && Cidr.TryParse(text, out var cidr))
            {
                blocks.Add(cidr);
            }
        }

        return blocks.ToImmutable();
    }

    /// <summary>The transaction, with what others want done along with it.</summary>
    public StoreTransaction Build(ImmutableArray<StoreOperation> companions)
    {
        var changed = Changed().OrderBy(c => c.Key, StringComparer.Ordinal).ToImmutableArray();
        ImmutableArray<string> compared = [.. changed.Select(c => c.Key).Union(_guards)];
        return new(
            [.. compared.Select(k => StoreCompare.At(k, _read[k].ModRevision))],
            [.. changed.Select(c => c.Value is { } value ? new StoreOperation.Put(c.Key, Write(value))
                : (StoreOperation)new StoreOperation.Delete(c.Key)),
                .. companions],
            [.. compared.Select(k => new StoreOperation.Get(k))]);
    }

    /// <summary>Keeps in memory what a transaction of <see cref="Build"/> showed.</summary>
    public void Settle(StoreTransaction transaction, StoreOutcome outcome)
    {
        if (outcome.Succeeded)
        {
            foreach (var (key, value) in Changed())
            {
                cache.Set(key, value is null ? CachedValue.Absent
                    : new(value is AllocationBlock b ? b.Counted() : value, outcome.Revision));
            }

            return;
        }

        Vanished = [.. transaction.Failure.Zip(outcome.Results).Where(r => r.Second.IsEmpty).Select(r => ((StoreOperation.Get)r.First).Key)
            .Where(k => k.StartsWith(IpamKeys.Root, StringComparison.Ordinal) && _read[k].ModRevision != 0)];
        foreach (var (operation, result) in transaction.Failure.Zip(outcome.Results))
        {
            var key = ((StoreOperation.Get)operation).Key;
            cache.Set(key, result.IsEmpty ? CachedValue.Absent : CachedValue.Of(result[0]));
        }
    }

    /// <summary>Forgets what is known of the keys that it changes: after a transaction whose end is not known.</summary>
    public void Distrust()
    {
        foreach (var (key, _) in _staged)
        {
            cache.Forget(key);
        }
    }

    private static byte[] Write(object value) => value switch
    {
        AllocationBlock block => ResourceJson.Write(block.Counted().ToSpec()),
        IpamHandleValue handle => ResourceJson.Write(handle),
        IpamAffinityValue affinity => ResourceJson.Write(affinity),
        _ => throw new InvalidOperationException($"{value.GetType()} is not stored by IPAM"),
    };

    private IEnumerable<KeyValuePair<string, object?>> Changed() =>
        _staged.Where(s => !ReferenceEquals(s.Value, _read[s.Key].Value) || (s.Value is null && _read[s.Key].ModRevision != 0));

    private void Stage(string key, object? value)
    {
        // Written without having been read: whatever memory says, the comparison decides.
        _read.TryAdd(key, cache.TryGet(key, out var cached) ? cached : CachedValue.Absent);
        _staged = _staged.SetItem(key, value);
    }

    private async Task<T?> ValueAsync<T>(string key, CancellationToken ct) where T : class
    {
        if (_staged.TryGetValue(key, out var staged))
        {
            return (T?)staged;
        }

        var read = await ReadAsync(key, ct);
        return read.Damage is null ? (T?)read.Value : throw new CalicoException(Problem.Damaged, $"{key} cannot be read: {read.Damage}");
    }

    private async Task<CachedValue> ReadAsync(string key, CancellationToken ct)
    {
        if (_read.TryGetValue(key, out var read))
        {
            return read;
        }

        if (cache.TryGet(key, out var cached))
        {
            UsedCache = true;
            return _read[key] = cached;
        }

        var stored = await store.GetAsync(key, 0, ct);
        read = stored is null ? CachedValue.Absent : CachedValue.Of(stored);
        cache.Set(key, read);
        return _read[key] = read;
    }

    private async Task<ImmutableArray<string>> ListAsync(string prefix, CancellationToken ct, bool useCache = true)
    {
        if (!_listed.Contains(prefix))
        {
            if (useCache && cache.IsListed(prefix))
            {
                UsedCache = true;
            }
            else
            {
                await ReadAllAsync(prefix, ct);
            }

            _listed.Add(prefix);
        }

        // What is staged here is part of the answer; what another process added meanwhile is found by the comparisons.
        return [.. cache.In(prefix).Where(c => c.Value.ModRevision != 0 && !_staged.ContainsKey(c.Key)).Select(c => c.Key)
            .Concat(_staged.Where(s => s.Value is not null && s.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(s => s.Key))
            .Order(StringComparer.Ordinal)];
    }

    private async Task ReadAllAsync(string prefix, CancellationToken ct)
    {
        var range = await store.ListAsync(prefix, 0, ct);
        var present = range.Items.Select(i => i.Key).ToHashSet(StringComparer.Ordinal);
        foreach (var (key, cached) in cache.In(prefix).ToArray())
        {
            if (cached.ModRevision != 0 && !present.Contains(key))
            {
                cache.Set(key, CachedValue.Absent);
            }
        }

        foreach (var item in range.Items)
        {
            if (!cache.TryGet(item.Key, out var known) || known.ModRevision < item.ModRevision)
            {
                cache.Set(item.Key, CachedValue.Of(item));
            }
        }

        cache.SetListed(prefix);
    }
}
