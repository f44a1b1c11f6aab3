using System.Reflection;

namespace Calico.Host;

/// <summary>This program's version.</summary>
internal static class ThisVersion
{
    public static string Text { get; } =
        typeof(ThisVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion
            .Split('+')[0] ?? "0.0.0";
}
