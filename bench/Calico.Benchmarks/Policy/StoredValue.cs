using Calico.Datastore.Resources;
using Calico.Datastore.Sync;

namespace Calico.Benchmarks.Policy;

/// <summary>A resource as a store holds it, or its end.</summary>
/// <param name="Path">Its key.</param>
/// <param name="Bytes">Empty: it is deleted.</param>
internal sealed record StoredValue(string Path, ReadOnlyMemory<byte> Bytes)
{
    public static StoredValue Of<TSpec>(ResourceKind<TSpec> kind, string name, TSpec spec, params (string Key, string Value)[] labels)
        where TSpec : class, new()
    {
        var resource = kind.New(name, spec);
        resource = resource with
        {
            Metadata = resource.Metadata with { Labels = System.Collections.Immutable.ImmutableSortedDictionary.CreateRange(
                labels.Select(l => KeyValuePair.Create(l.Key, l.Value))) },
        };
        // With its defaults, as whoever writes a store leaves it there.
        return new(kind.Path(kind.KeyOf(resource)), kind.EncodeValid(kind.Decode(kind.ToJson(resource))));
    }

    /// <summary>As the synchroniser hands it to the calculation.</summary>
    public SyncUpdate Decode() => ResourceKinds.All.TryDecode(Path, Bytes, out var update) ? update
        : throw new InvalidOperationException($"{Path} is no resource's");
}
