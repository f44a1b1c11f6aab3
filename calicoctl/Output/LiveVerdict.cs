namespace Calico.Cli.Output;

/// <summary>Whether the kernel holds what was explained.</summary>
/// <param name="Who">Whose program.</param>
/// <param name="Holds">Null: nobody could look.</param>
/// <param name="Text">In words.</param>
internal sealed record LiveVerdict(string Who, bool? Holds, string Text);
