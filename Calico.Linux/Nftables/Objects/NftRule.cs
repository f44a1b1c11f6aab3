using System.Collections.Immutable;
using System.Text;
using Calico.Linux.Netlink;

namespace Calico.Linux.Nftables;

/// <summary>A rule to be made: steps from left to right, each going on only if it matches.</summary>
public sealed record NftRule(ImmutableArray<NftExpression> Expressions)
{
    /// <summary>NFTNL_UDATA_RULE_COMMENT.</summary>
    internal const byte CommentKind = 0;

    /// <summary>nft shows no longer ones.</summary>
    private const int MaxCommentBytes = 127;

    /// <summary>Shown by <c>nft list</c>, and read back: tells a restarted program which rule it is.</summary>
    public string? Comment { get; init; }

    public static NftRule Of(params ReadOnlySpan<NftExpression> expressions) => new([.. expressions]);

    internal static void WriteComment(NetlinkWriter writer, string comment)
    {
        var length = Encoding.UTF8.GetByteCount(comment);
        if (length > MaxCommentBytes)
        {
            throw new ArgumentException($"a rule's comment has at most {MaxCommentBytes} bytes: '{comment}'", nameof(comment));
        }

        Span<byte> content = stackalloc byte[2 + length + 1];
        content[0] = CommentKind;
        content[1] = (byte)(length + 1);
        Encoding.UTF8.GetBytes(comment, content[2..]);
        content[^1] = 0;
        writer.WriteBytes(NftMessages.NFTA_RULE_USERDATA, content);
    }

    /// <summary>The comment inside user data, or null.</summary>
    internal static string? ReadComment(ReadOnlySpan<byte> userData)
    {
        while (userData.Length >= 2 && userData.Length >= 2 + userData[1])
        {
            var content = userData.Slice(2, userData[1]);
            if (userData[0] == CommentKind)
            {
                return Encoding.UTF8.GetString(content.TrimEnd((byte)0));
            }

            userData = userData[(2 + content.Length)..];
        }

        return null;
    }
}
