using System.Collections.Immutable;
using Calico.Datastore.Sync;

namespace Calico.Cli.Commands.Resources;

/// <summary>Who uses a resource, and what they would lose.</summary>
/// <param name="Users">Names, of which the first few are said.</param>
/// <param name="What">What the users are, one and several: <c>endpoint|endpoints</c>.</param>
/// <param name="Consequence">What happens to them, after "deleting it".</param>
/// <param name="Next">The command that shows or removes them.</param>
/// <param name="CanForce">False: not even <c>--force</c> deletes it.</param>
internal sealed record ResourceUse(ImmutableArray<string> Users, string What, string Consequence, string Next, bool CanForce = true)
{
    private const int MaxNames = 5;

    internal string Describe(ResourceKey key)
    {
        var more = Users.Length > MaxNames ? $" and {Users.Length - MaxNames} more" : "";
        return $"{key} is in use by {Users.Length} {What.Split('|')[Users.Length == 1 ? 0 : 1]}: {string.Join(", ", Users.Take(MaxNames))}{more}; deleting it {Consequence}.\n"
            + $"  see: {Next}" + (CanForce ? "\n  to delete it all the same: --force" : "");
    }
}
