"""What can be logged besides numbers: images, audio, video, tables, histograms, texts, ...

Every kind is a class with the arguments that W&B's has. A value takes its snapshot when it is
made: what happens to the array or figure afterwards is not seen. Constructors raise
`InvalidInput` for what they cannot show; nothing here touches a home.
"""
