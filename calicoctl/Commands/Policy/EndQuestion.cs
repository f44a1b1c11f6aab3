namespace Calico.Cli.Commands.Policy;

/// <summary>What was typed of one end of a connection.</summary>
/// <param name="Name">Endpoint, host or address.</param>
/// <param name="Interface">Of its host, that packets pass; null: whatever is known.</param>
/// <param name="InterfaceOption">The option that says it.</param>
internal sealed record EndQuestion(string Name, string? Interface, string InterfaceOption);
