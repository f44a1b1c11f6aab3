using Calico.Datastore.Store;

namespace Calico.EmbeddedStore.Engine;

/// <summary>What etcd refuses, refused with the same limits, so that what works here works there.</summary>
internal static class TransactionRules
{
    // etcd's defaults: --max-txn-ops and --max-request-bytes.
    private const int MaxOperations = 128;
    private const int MaxBytes = 1536 * 1024;

    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>.</exception>
    public static void Check(EngineTransaction transaction)
    {
        if (Math.Max(transaction.Compares.Count, Math.Max(transaction.Success.Count, transaction.Failure.Count)) > MaxOperations)
        {
            throw Refusal($"more than {MaxOperations} comparisons or operations");
        }

        if (transaction.Compares.Any(c => c.Keys.Start.Length == 0))
        {
            throw Refusal("a comparison without a key");
        }

        if (CheckBranch(transaction.Success) + CheckBranch(transaction.Failure) > MaxBytes)
        {
            throw Refusal($"more than {MaxBytes} bytes");
        }
    }

    /// <summary>Whether a comparison holds: for every key of its interval, or, when there is none, for the absent key.</summary>
    public static bool Holds(EngineCompare compare, EngineState state)
    {
        if (compare.Keys.IsSingleKey)
        {
            return Holds(compare, state.Find(compare.Keys.Start));
        }

        var any = false;
        foreach (var version in state.Range(compare.Keys, state.Revision))
        {
            any = true;
            if (!Holds(compare, version))
            {
                return false;
            }
        }

        return any || Holds(compare, version: null);
    }

    private static bool Holds(EngineCompare compare, KeyVersion? version)
    {
        if (compare.Target == CompareTarget.Value && version is null)
        {
            return false;
        }

        var order = compare.Target switch
        {
            CompareTarget.Version => (version?.Version ?? 0).CompareTo(compare.Number),
            CompareTarget.CreateRevision => (version?.CreateRevision ?? 0).CompareTo(compare.Number),
            CompareTarget.ModRevision => (version?.ModRevision ?? 0).CompareTo(compare.Number),
            CompareTarget.Lease => (version?.Lease ?? 0).CompareTo(compare.Number),
            CompareTarget.Value => version!.Value.AsSpan().SequenceCompareTo(compare.Value.Span),
            _ => throw Refusal($"no such target: {compare.Target}"),
        };
        return compare.Result switch
        {
            CompareResult.Equal => order == 0,
            CompareResult.NotEqual => order != 0,
            CompareResult.Greater => order > 0,
            CompareResult.Less => order < 0,
            _ => throw Refusal($"no such comparison: {compare.Result}"),
        };
    }

    private static long CheckBranch(IReadOnlyList<EngineOperation> operations)
    {
        var bytes = 0L;
        var puts = new List<byte[]>();
        var seen = KeyTree<byte[]>.Empty;
        foreach (var operation in operations)
        {
            var start = operation switch
            {
                EngineOperation.Put put => put.Key,
                EngineOperation.Delete delete => delete.Keys.Start,
                EngineOperation.Range range => range.Query.Keys.Start,
                _ => [],
            };
            if (start.Length == 0)
            {
                throw Refusal("an operation without a key");
            }

            bytes += start.Length;
            if (operation is EngineOperation.Put { Key: var key, Value: var value })
            {
                bytes += value.Length;
                if (seen.Find(key) is not null)
                {
                    throw Twice(key);
                }

                seen = seen.Set(key, key);
                puts.Add(key);
            }
        }

        foreach (var delete in operations.OfType<EngineOperation.Delete>())
        {
            if (puts.Find(k => delete.Keys.Contains(k)) is { } key)
            {
                throw Twice(key);
            }
        }

        return bytes;
    }

    private static CalicoException Twice(byte[] key) => Refusal($"the key {KeyText.Show(key)} would be changed twice");

    private static CalicoException Refusal(string why) => new(Problem.Invalid, $"transaction: {why}");
}
