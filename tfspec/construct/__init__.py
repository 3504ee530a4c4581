"""How a Spec becomes a graph: layers run over symbolic tensors, every size proved on the way."""
