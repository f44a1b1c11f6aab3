namespace Calico.Cli;

/// <summary>The command ends: the message goes to standard error as it is, and the exit code is 1.</summary>
/// <param name="message">What the user reads.</param>
internal class CliException(string message) : Exception(message);
