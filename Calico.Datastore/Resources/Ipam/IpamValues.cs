using Calico.Datastore.Sync;

namespace Calico.Datastore.Resources.Ipam;

/// <summary>IPAM's values as they travel through sync: they have no metadata in the store, so they get a name from their key.</summary>
internal static class IpamValues
{
    /// <param name="resource">As <see cref="TryName"/> gave it.</param>
    /// <param name="value">The stored bytes.</param>
    internal static SyncUpdate Decode(ResourceKey resource, ReadOnlyMemory<byte> value) =>
        Kinds.IpamBlock.Owns(resource) ? Decode(Kinds.IpamBlock, resource.Name, value)
        : Kinds.BlockAffinity.Owns(resource) ? Decode(Kinds.BlockAffinity, resource.Name, value)
        : Kinds.IpamHandle.Owns(resource) ? Decode(Kinds.IpamHandle, resource.Name, value)
        : Decode(Kinds.IpamConfig, resource.Name, value);

    /// <summary>Which of them a key is of.</summary>
    internal static bool TryName(string key, out ResourceKey resource)
    {
        resource = !key.StartsWith(IpamKeys.Root, StringComparison.Ordinal) ? default
            : IpamKeys.TryParseBlock(key, out var cidr) ? Kinds.IpamBlock.Key(cidr)
            : IpamKeys.TryParseAffinity(key, out var owner, out cidr) ? Kinds.BlockAffinity.Key(IpamKeys.AffinityName(owner, cidr))
            : key.StartsWith(IpamKeys.Handles, StringComparison.Ordinal) ? Kinds.IpamHandle.Key(key[IpamKeys.Handles.Length..])
            : key == IpamKeys.Config ? Kinds.IpamConfig.Key("default")
            : default;
        return resource != default;
    }

    private static SyncUpdate Decode<TSpec>(IpamKind<TSpec> kind, string name, ReadOnlyMemory<byte> value) where TSpec : class, new()
    {
        var key = kind.Key(name);
        try
        {
            return new(key, kind.New(name, ResourceJson.Read<TSpec>(value.Span)));
        }
        catch (Exception e) when (ResourceJson.IsUnreadable(e))
        {
            return new(key, null, e.Message);
        }
    }
}
