namespace Calico.Host.Commands;

/// <summary>A command of <c>calico-host</c>.</summary>
/// <param name="Path">Its words, e.g. <c>cni install</c>.</param>
/// <param name="Flags">Options without a value.</param>
/// <param name="Valued">Options with one.</param>
/// <param name="Names">What its names are called in the usage; in brackets: may be left out.</param>
/// <param name="Run">Does it.</param>
internal sealed record HostCommand(string Path, IReadOnlyList<string> Flags, IReadOnlyList<string> Valued, IReadOnlyList<string> Names,
    Func<CommandArguments, Task<int>> Run);
