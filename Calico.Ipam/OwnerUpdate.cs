using System.Collections.Immutable;
using System.Net;
using Calico.Datastore.Resources;
using Calico.Datastore.Resources.Ipam;

namespace Calico.Ipam;

/// <summary>A change of who is kept with an address: the active owner, and the one that takes over when a machine moves.</summary>
/// <remarks>An owner is recognised by its attributes <c>namespace</c> and <c>pod</c> alone.</remarks>
public sealed record OwnerUpdate(IPAddress Address)
{
    /// <summary>Only if this handle has the address; null: whoever.</summary>
    public string? Handle { get; init; }

    /// <summary>Replaces the active owner's attributes; null: they stay.</summary>
    public ImmutableSortedDictionary<string, string>? Active { get; init; }

    /// <summary>Removes the active owner.</summary>
    public bool ClearActive { get; init; }

    /// <summary>Replaces the alternate owner's attributes; null: they stay.</summary>
    public ImmutableSortedDictionary<string, string>? Alternate { get; init; }

    /// <summary>Removes the alternate owner.</summary>
    public bool ClearAlternate { get; init; }

    /// <summary>Only while this is the active owner.</summary>
    public ImmutableSortedDictionary<string, string>? ExpectedActive { get; init; }

    /// <summary>Only while this is the alternate owner.</summary>
    public ImmutableSortedDictionary<string, string>? ExpectedAlternate { get; init; }

    /// <summary>Only while there is no active owner.</summary>
    public bool ExpectNoActive { get; init; }

    /// <summary>Only while there is no alternate owner.</summary>
    public bool ExpectNoAlternate { get; init; }

    /// <summary>Refuses what cannot hold at once.</summary>
    internal void Validate()
    {
        Refuse(ExpectedActive is not null && ExpectNoActive, "ExpectedActiveOwner and VerifyActiveOwnerEmpty are mutually exclusive");
        Refuse(ExpectedAlternate is not null && ExpectNoAlternate,
            "ExpectedAlternateOwner and VerifyAlternateOwnerEmpty are mutually exclusive");
        Refuse(Active is not null && ClearActive, "ActiveOwnerAttrs and ClearActiveOwner are mutually exclusive");
        Refuse(Alternate is not null && ClearAlternate, "AlternateOwnerAttrs and ClearAlternateOwner are mutually exclusive");

        static void Refuse(bool isWrong, string text)
        {
            if (isWrong)
            {
                throw new CalicoException(Problem.Invalid, text);
            }
        }
    }

    /// <summary>The attributes afterwards.</summary>
    internal IpamAttribute ApplyTo(IpamAttribute attribute)
    {
        Guard(Handle is null || string.Equals(Handle, attribute.HandleId, StringComparison.OrdinalIgnoreCase),
            $"handle is \"{attribute.HandleId}\"");
        Guard(ExpectedActive is null || IsSame(ExpectedActive, attribute.Secondary), "the active owner is another");
        Guard(ExpectedAlternate is null || IsSame(ExpectedAlternate, attribute.AlternateOwnerAttrs), "the alternate owner is another");
        Guard(!ExpectNoActive || attribute.Secondary is null or { Count: 0 }, "there is an active owner");
        Guard(!ExpectNoAlternate || attribute.AlternateOwnerAttrs is null or { Count: 0 }, "there is an alternate owner");
        return attribute with
        {
            Secondary = ClearActive ? null : Active ?? attribute.Secondary,
            AlternateOwnerAttrs = ClearAlternate ? null : Alternate ?? attribute.AlternateOwnerAttrs,
        };
    }

    private static bool IsSame(ImmutableSortedDictionary<string, string> expected, ImmutableSortedDictionary<string, string>? actual) =>
        actual is not null && expected.GetValueOrDefault("namespace") == actual.GetValueOrDefault("namespace")
        && expected.GetValueOrDefault("pod") == actual.GetValueOrDefault("pod");

    private void Guard(bool holds, string text)
    {
        if (!holds)
        {
            throw new CalicoException(Problem.Conflict, $"update conflict: {Address}: {text}");
        }
    }
}
