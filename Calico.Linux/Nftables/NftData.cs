using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>Values inside attributes: NFTA_DATA_VALUE in a nest.</summary>
internal static class NftData
{
    public static void Write(NetlinkWriter writer, ushort type, ReadOnlySpan<byte> value)
    {
        var data = writer.BeginNested(type);
        writer.WriteBytes(NftMessages.NFTA_DATA_VALUE, value);
        writer.EndNested(data);
    }

    /// <summary>The value, or null when it is a verdict.</summary>
    public static byte[]? ReadValue(AttributeReader attributes)
    {
        while (attributes.TryRead(out var a))
        {
            if (a.Type == NftMessages.NFTA_DATA_VALUE)
            {
                return a.Content.ToArray();
            }
        }

        return null;
    }

    public static NftVerdict? ReadVerdict(AttributeReader attributes)
    {
        while (attributes.TryRead(out var a))
        {
            if (a.Type == NftMessages.NFTA_DATA_VERDICT)
            {
                return NftVerdict.Read(a.Nested);
            }
        }

        return null;
    }
}
