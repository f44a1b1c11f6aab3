namespace Calico.Cli;

/// <summary>The command ends: the message goes to standard error as it is, and the exit code is 1.</summary>
/// <param name="message">What the user reads; empty: everything has been said.</param>
/// <param name="toOutput">Upstream's checks of arguments complain on standard output.</param>
internal class CliException(string message, bool toOutput = false) : Exception(message)
{
    internal bool ToOutput => toOutput;
}
