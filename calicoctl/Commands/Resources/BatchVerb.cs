namespace Calico.Cli.Commands.Resources;

/// <summary>What is done to resources, in the words of the messages.</summary>
/// <param name="Present"><c>apply</c>.</param>
/// <param name="Past"><c>applied</c>.</param>
/// <param name="StopsAtError">Whether the first failure ends it.</param>
internal sealed record BatchVerb(string Present, string Past, bool StopsAtError = false)
{
    internal static BatchVerb Create { get; } = new("create", "created");
    internal static BatchVerb Apply { get; } = new("apply", "applied");
    internal static BatchVerb Replace { get; } = new("replace", "replaced", StopsAtError: true);
}
