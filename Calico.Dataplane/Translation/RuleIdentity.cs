using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Calico.Linux.Nftables;

namespace Calico.Dataplane.Translation;

/// <summary>What makes a rule in the kernel the one that is desired: what its expressions do, and its comment.</summary>
/// <remarks>The comment, a hash of the content and then words for people, says that a rule was ours when it was written. Only the
/// expressions say what it does now: a listing that nft restores keeps the comments, and not everything that it stands for.</remarks>
internal readonly record struct RuleIdentity(string? Comment, NftRuleContent Content)
{
    /// <summary>What the comment of every rule of ours begins with, in every version.</summary>
    public const string Prefix = "cali:";

    /// <summary>Of 21 base64 characters: 72 bits, so that two contents of one place never share it.</summary>
    private const int HashCharacters = 12;

    /// <summary>nft shows no longer ones.</summary>
    private const int MaxBytes = 127;

    public static RuleIdentity Of(NftRule rule) => new(rule.Comment, NftRuleContent.Of(rule));

    public static RuleIdentity Of(NftRuleState rule) => new(rule.Comment, rule.Content);

    /// <summary>Words for a rule, which may be of somebody's tier or policy, so that they are never taken for a mark.</summary>
    public static string? Words(string? text) => text?.StartsWith(Prefix, StringComparison.Ordinal) == true ? $"_{text}" : text;

    /// <summary>The rule with its comment; <see cref="NftRule.Comment"/> holds the words until then.</summary>
    /// <remarks>One that begins as ours do is marked already: the words of a rule never do (<see cref="Words"/>).</remarks>
    public static NftRule Mark(NftRule rule)
    {
        if (rule.Comment?.StartsWith(Prefix, StringComparison.Ordinal) == true)
        {
            return rule;
        }

        var words = Encoding.UTF8.GetBytes($"\n{rule.Comment}");
        var hash = Base64Url.EncodeToString(SHA256.HashData([.. NftRuleContent.Of(rule).Bytes, .. words]))[..HashCharacters];
        var comment = new StringBuilder(Prefix + hash);
        if (!string.IsNullOrEmpty(rule.Comment))
        {
            comment.Append(' ');
            foreach (var c in rule.Comment.AsSpan(0, Math.Min(rule.Comment.Length, MaxBytes - comment.Length)))
            {
                // A quote would end the comment where somebody feeds the listing to nft again.
                comment.Append(c is >= ' ' and <= '~' and not ('"' or '\\') ? c : '_');
            }
        }

        return rule with { Comment = comment.ToString() };
    }
}
