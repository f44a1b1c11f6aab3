using System.Runtime.InteropServices;
using Calico.Datastore.Store;

namespace Calico.EmbeddedStore.Engine;

/// <summary>A read of keys. Sorting compares by <paramref name="Sort"/>; null is key order.</summary>
/// <param name="Revision">0: now.</param>
/// <param name="Limit">0: none.</param>
internal sealed record RangeQuery(KeyInterval Keys, long Revision = 0, long Limit = 0, bool CountOnly = false,
    Comparison<KeyVersion>? Sort = null, Predicate<KeyVersion>? Filter = null)
{
    /// <exception cref="CalicoException">The revision is in the future, or compacted away.</exception>
    public OperationResult Run(EngineState state)
    {
        var revision = Revision <= 0 ? state.Revision : Revision;
        if (revision > state.Revision)
        {
            throw new CalicoException(Problem.Invalid, $"read at revision {revision}: the store is at {state.Revision}", "revision");
        }

        RefuseCompacted(revision, state.Compacted);
        if (Keys.IsSingleKey)
        {
            var only = state.Keys.Find(Keys.Start)?.At(revision);
            return only is null || Filter?.Invoke(only) == false
                ? OperationResult.Nothing
                : new OperationResult(CountOnly ? [] : [only], 1, false);
        }

        return Many(state, revision);
    }

    /// <summary>Throws when a revision can no longer be read. Called again after reading an old one: see <see cref="KeyVersion.Cut"/>.
    /// </summary>
    public static void RefuseCompacted(long revision, long compacted)
    {
        if (revision < compacted)
        {
            throw new CalicoException(Problem.Invalid, $"read at revision {revision}: compacted; the oldest left is {compacted}",
                "revision", new CompactedException(compacted));
        }
    }

    private OperationResult Many(EngineState state, long revision)
    {
        var found = new List<KeyVersion>();
        var count = 0L;
        var more = false;

        // Sorted results need all of them before the limit; unsorted ones stop collecting at it.
        var room = Sort is null && Limit > 0 ? Limit : long.MaxValue;
        foreach (var version in state.Range(Keys, revision))
        {
            count++;
            if (CountOnly || Filter?.Invoke(version) == false)
            {
                continue;
            }

            if (found.Count < room)
            {
                found.Add(version);
            }
            else
            {
                more = true;
            }
        }

        if (Sort is not null)
        {
            // Stable, so that equal elements stay in key order.
            found = [.. found.Order(Comparer<KeyVersion>.Create(Sort))];
            if (Limit > 0 && found.Count > Limit)
            {
                CollectionsMarshal.SetCount(found, (int)Limit);
                more = true;
            }
        }

        return new OperationResult(found, count, more);
    }
}
